//! Strings and lists with a hard upper bound, for data from outside.
//!
//! A decoder that trusts a length prefix lets four bytes allocate a megabyte.
//! These types refuse an oversized value before they store it and never reserve
//! memory on the word of the sender.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value was longer than its type allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// The bound that was exceeded: bytes of a text, items of a list.
    pub bound: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "longer than {}", self.bound)
    }
}

/// UTF-8 text of at most `N` bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<const N: usize>(String);

impl<const N: usize> Text<N> {
    /// Takes a string of at most `N` bytes.
    ///
    /// # Errors
    /// [`TooLong`] if it has more.
    pub fn new(text: impl Into<String>) -> Result<Self, TooLong> {
        let text = text.into();
        if text.len() > N {
            return Err(TooLong { bound: N });
        }
        Ok(Self(text))
    }

    /// Keeps as much of `text` as fits, cut at a character boundary.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let mut end = text.len().min(N);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self(text.get(..end).unwrap_or_default().into())
    }

    /// Formats into a text, cut to what fits.
    #[must_use]
    pub fn format(arguments: fmt::Arguments<'_>) -> Self {
        Self::cut(&alloc::fmt::format(arguments))
    }

    /// The text as a string slice.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const N: usize> PartialEq<str> for Text<N> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl<const N: usize> PartialEq<&str> for Text<N> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<const N: usize>;
        impl<const N: usize> Visitor<'_> for Reader<N> {
            type Value = Text<N>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a text of at most {N} bytes")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                // The length is checked on the borrowed text, before any copy.
                if text.len() > N {
                    return Err(E::invalid_length(text.len(), &self));
                }
                Ok(Text(text.into()))
            }
        }
        deserializer.deserialize_str(Reader::<N>)
    }
}

/// A list of at most `N` items.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct List<T, const N: usize>(Vec<T>);

impl<T, const N: usize> List<T, N> {
    /// Takes a vector of at most `N` items.
    ///
    /// # Errors
    /// [`TooLong`] if it has more.
    pub fn new(items: impl Into<Vec<T>>) -> Result<Self, TooLong> {
        let items = items.into();
        if items.len() > N {
            return Err(TooLong { bound: N });
        }
        Ok(Self(items))
    }

    /// Adds an item at the end.
    ///
    /// # Errors
    /// [`TooLong`] if the list is full; the list is unchanged.
    pub fn push(&mut self, item: T) -> Result<(), TooLong> {
        if self.0.len() >= N {
            return Err(TooLong { bound: N });
        }
        self.0.push(item);
        Ok(())
    }

    /// The items as a vector.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for List<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a List<T, N> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Serialize, const N: usize> Serialize for List<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for List<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T, const N: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Reader<T, N> {
            type Value = List<T, N>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {N} items")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() >= N {
                        return Err(A::Error::invalid_length(items.len() + 1, &self));
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }
        deserializer.deserialize_seq(Reader::<T, N>(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_refuses_more_than_its_bound_and_keeps_what_fits() {
        assert_eq!(Text::<4>::new("four").unwrap().as_str(), "four");
        assert_eq!(Text::<4>::new("fives"), Err(TooLong { bound: 4 }));
        assert_eq!(Text::<4>::cut("aüüü").as_str(), "aü");
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        // Claims 2^28 items and carries none.
        let claim = [0x80, 0x80, 0x80, 0x80, 0x01];
        assert!(postcard::from_bytes::<List<u8, 8>>(&claim).is_err());
        assert!(postcard::from_bytes::<Text<8>>(&claim).is_err());
    }

    #[test]
    fn a_list_refuses_one_item_too_many() {
        let nine = postcard::to_allocvec(&alloc::vec![1u8; 9]).unwrap();
        assert!(postcard::from_bytes::<List<u8, 8>>(&nine).is_err());
        let mut list = List::<u8, 1>::default();
        assert!(list.push(1).is_ok());
        assert_eq!(list.push(2), Err(TooLong { bound: 1 }));
        assert_eq!(&*list, &[1]);
    }
}
