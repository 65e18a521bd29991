//! What a driver in ring 3 asks of its device: the registers of a virtio device,
//! whatever bus it is on (virtio 1.2, 4.1.4 and 4.2.2).
//!
//! Registers are reached by a system call and not mapped: the slots of several
//! devices share a page, so that a mapping would give away all of them.

/// The table: `number Variant (words) "what it gives"`.
macro_rules! device_calls {
    ($($number:literal $variant:ident ($($field:ident),*) $text:literal)+) => {
        /// One access to a device.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the fields are named in the texts")]
        pub enum DeviceCall { $(#[doc = $text] $variant { $($field: u64),* },)+ }

        impl DeviceCall {
            /// Every access: its number, its name, what it does.
            pub const TABLE: &'static [(u64, &'static str, &'static str)] =
                &[$(($number, stringify!($variant), $text)),+];

            /// Makes sense of a number and words.
            #[must_use]
            pub fn decode(number: u64, words: [u64; 4]) -> Option<Self> {
                let mut words = words.into_iter();
                match number {
                    $($number => Some(Self::$variant { $($field: words.next()?),* }),)+
                    _ => None,
                }
            }

            /// Its number and words.
            #[must_use]
            pub fn encode(self) -> (u64, [u64; 4]) {
                let mut words = [0; 4];
                let mut free = words.iter_mut();
                let mut put = |value: u64| {
                    if let Some(word) = free.next() {
                        *word = value;
                    }
                };
                let _ = &mut put;
                let number = match self {
                    $(Self::$variant { $($field),* } => { $(put($field);)* $number })+
                };
                (number, words)
            }
        }
    };
}

device_calls! {
    0 Features () "The features that the device offers, a bit each."
    1 Accept (features) "The driver uses these `features`."
    2 QueueSize (queue) "The most descriptors that `queue` can have."
    3 SetQueue (queue, descriptors, driver, device)
        "Puts a queue into use. `queue` is its number, and from bit 16 on how many descriptors \
         it has. The three areas are in the driver's heap, each within a page."
    4 Notify (queue) "There is something in `queue`."
    5 Status () "The device's status, a bit each."
    6 SetStatus (status) "Sets the `status`; 0 resets the device."
    7 Acknowledge () "Tells the device that its interrupt was heard; gives what it was about."
    8 Config (offset) "32 bits of the device's own configuration, from `offset` on."
    9 Physical (address) "Where an address in the driver's heap lies in the machine."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_round_trip_and_strange_numbers_are_none() {
        for (number, name, _) in DeviceCall::TABLE {
            let call = DeviceCall::decode(*number, [1, 2, 3, 4]).unwrap();
            let (again, words) = call.encode();
            assert_eq!(again, *number, "{name}");
            assert_eq!(DeviceCall::decode(again, words), Some(call));
        }
        let next = DeviceCall::TABLE.len() as u64;
        assert_eq!(DeviceCall::decode(next, [0; 4]), None);
        assert_eq!(DeviceCall::decode(u64::MAX, [0; 4]), None);
    }
}
