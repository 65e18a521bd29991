//! A model behind a server that speaks OpenAI's protocol: llama-server, vLLM, ...
//!
//! The server is asked for one chat completion a sentence. llama-server gets the
//! grammar, which is narrowed to what exists; others get the JSON Schema; one
//! that takes neither gets neither. What comes back is read as strictly as the
//! words of any other model. Prompts go to the server, and nothing else does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;

use super::{Completion, Job, JobId, Model, ModelError, Watch};
use crate::grammar::schema;

/// Requests that the server works on at a time; it may queue them itself.
const SEATS: usize = 8;
/// How long a step waits for an answer before it looks around.
const STEP: Duration = Duration::from_millis(20);
/// How long the server may take where no deadline says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most bytes of an answer.
const MAX_ANSWER: u64 = 1 << 20;

/// How a server is told what form an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// llama.cpp's own field: a grammar.
    Grammar,
    /// OpenAI's: a JSON Schema.
    Schema,
    /// Not at all.
    Free,
}

type Said = Result<Completion, ModelError>;

/// A server, and what it was asked for.
pub struct OpenAi {
    server: Arc<Server>,
    form: Form,
    waiting: BTreeMap<JobId, Job>,
    /// Being answered, with the form that was asked for.
    asked: BTreeMap<JobId, (Job, Form)>,
    /// Answered, but perhaps not gone on with just now.
    ready: BTreeMap<JobId, Said>,
    next: JobId,
    tell: Sender<(JobId, Said)>,
    said: Receiver<(JobId, Said)>,
}

struct Server {
    agent: Agent,
    url: String,
    key: Option<String>,
    model: String,
}

impl OpenAi {
    /// Asks the server at `url` (such as `http://127.0.0.1:8080/v1`) which models
    /// it has, and takes the named one or the first. `key` is sent with each request.
    ///
    /// # Errors
    /// If there is no such server or it has no models.
    pub fn connect(
        url: &str,
        key: Option<String>,
        model: Option<&str>,
    ) -> Result<Self, ModelError> {
        let url = url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") {
            let why = format!(
                "{url} does not begin with http://; for https, put a proxy on this machine before it"
            );
            return Err(ModelError::failed("reading the URL", why));
        }
        let config = Agent::config_builder().http_status_as_error(false);
        let mut server = Server {
            agent: config.build().into(),
            url,
            key,
            model: String::new(),
        };
        let models = server.call("/models", None, PATIENCE)?;
        let known = models["data"].as_array();
        let first = known.and_then(|known| known.first()).ok_or_else(|| {
            let why = format!("{} lists none at /models", server.url);
            ModelError::failed("looking for a model", why)
        })?;
        let name = model.or_else(|| first["id"].as_str());
        server.model = name.unwrap_or_default().to_owned();
        let form = match first["owned_by"].as_str() {
            Some("llamacpp") => Form::Grammar,
            _ => Form::Schema,
        };
        let (tell, said) = channel();
        Ok(Self {
            server: Arc::new(server),
            form,
            waiting: BTreeMap::new(),
            asked: BTreeMap::new(),
            ready: BTreeMap::new(),
            next: 0,
            tell,
            said,
        })
    }

    /// Sends the requests of these jobs, as far as they are not sent.
    fn ask_all(&mut self, jobs: &[JobId]) {
        for id in jobs {
            if let Some(job) = self.waiting.remove(id) {
                self.ask(*id, job, self.form);
            }
        }
    }

    /// Sends a request; the answer comes by the channel.
    fn ask(&mut self, id: JobId, job: Job, form: Form) {
        let (server, tell) = (Arc::clone(&self.server), self.tell.clone());
        let (body, patience) = (body(&server.model, &job, form), job.watch.time_left());
        self.asked.insert(id, (job, form));
        std::thread::spawn(move || {
            let patience = patience.unwrap_or(PATIENCE);
            let answer = server.call("/chat/completions", Some(&body), patience);
            // Nobody listens if the agent ends.
            let _ = tell.send((id, answer.and_then(|answer| read(&answer))));
        });
    }

    /// Takes in an answer. One that refuses the form is asked for without it.
    fn heard(&mut self, (id, said): (JobId, Said)) {
        // What was called off is passed over.
        let Some((job, form)) = self.asked.remove(&id) else {
            return;
        };
        let is_refused =
            matches!(&said, Err(ModelError::Failed { why, .. }) if why.contains("HTTP 4"));
        if is_refused && form != Form::Free {
            eprintln!(
                "llm-agent: the server takes no {form:?} ({}); asking without",
                words(&said)
            );
            self.form = Form::Free;
            self.ask(id, job, Form::Free);
        } else {
            self.ready.insert(id, said);
        }
    }
}

fn words(said: &Said) -> String {
    said.as_ref()
        .err()
        .map(ToString::to_string)
        .unwrap_or_default()
}

impl Model for OpenAi {
    fn name(&self) -> &str {
        &self.server.model
    }

    fn warm(&mut self, _fixed: &'static str, watch: &Watch) -> Result<(), ModelError> {
        watch.check()
    }

    fn seats(&self) -> usize {
        SEATS
    }

    fn begin(&mut self, job: Job) -> Result<JobId, ModelError> {
        job.watch.check()?;
        self.next += 1;
        self.waiting.insert(self.next, job);
        Ok(self.next)
    }

    fn step(&mut self, jobs: &[JobId]) -> Vec<(JobId, Said)> {
        self.ask_all(jobs);
        let is_ready = jobs.iter().any(|id| self.ready.contains_key(id));
        if !is_ready && let Ok(said) = self.said.recv_timeout(STEP) {
            self.heard(said);
        }
        while let Ok(said) = self.said.try_recv() {
            self.heard(said);
        }
        let mut done = Vec::new();
        for id in jobs {
            let job = self.asked.get(id).map(|(job, _)| job);
            if let Some(Err(error)) = job.map(|job| job.watch.check()) {
                self.asked.remove(id);
                done.push((*id, Err(error)));
            } else if let Some(said) = self.ready.remove(id) {
                done.push((*id, said));
            }
        }
        done
    }
}

impl Server {
    /// Posts `body`, or gets; the answer as JSON.
    fn call(&self, path: &str, body: Option<&Value>, most: Duration) -> Result<Value, ModelError> {
        let url = format!("{}{path}", self.url);
        let begin = Instant::now();
        let failed = |why: String| ModelError::failed("asking the model's server", why);
        let key = self.key.as_ref().map(|key| format!("Bearer {key}"));
        let answer = match body {
            Some(body) => {
                let mut request = self.agent.post(&url);
                if let Some(key) = key {
                    request = request.header("Authorization", key);
                }
                let request = request.header("Content-Type", "application/json");
                let request = request.config().timeout_global(Some(most)).build();
                request.send(body.to_string())
            }
            None => {
                let mut request = self.agent.get(&url);
                if let Some(key) = key {
                    request = request.header("Authorization", key);
                }
                request.config().timeout_global(Some(most)).build().call()
            }
        };
        let mut answer = answer.map_err(|error| match error {
            ureq::Error::Timeout(_) => failed(format!(
                "{url} said nothing for {} ms",
                begin.elapsed().as_millis()
            )),
            error => failed(format!(
                "{url}: {error}; is it running? llama-server -m FILE.gguf --port 8080 starts one"
            )),
        })?;
        let status = answer.status();
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string();
        let text = text.map_err(|error| failed(format!("{url}: {error}")))?;
        if !status.is_success() {
            let said: String = text.chars().filter(|c| !c.is_control()).take(120).collect();
            let remedy = match status.as_u16() {
                401 | 403 => "; give the key by --key-env",
                _ => "",
            };
            let status = status.as_u16();
            return Err(failed(format!(
                "{url} answered HTTP {status}: {said}{remedy}"
            )));
        }
        serde_json::from_str(&text).map_err(|error| failed(format!("{url}: no JSON: {error}")))
    }
}

fn body(model: &str, job: &Job, form: Form) -> Value {
    let mut body = json!({
        "model": model, "messages": messages(&format!("{}{}", job.fixed, job.request)),
        "max_tokens": job.max_tokens, "temperature": 0, "seed": 0, "stream": false,
        "logprobs": true,
    });
    match form {
        Form::Grammar => body["grammar"] = job.grammar.to_string().into(),
        Form::Schema => {
            let schema = json!({"name": "plan", "schema": schema::plans()});
            body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
        }
        Form::Free => {}
    }
    body
}

/// The prompt's turns as messages. Marks of turns stand in a prompt only where a
/// turn begins or ends: whatever strangers wrote has none.
fn messages(prompt: &str) -> Vec<Value> {
    let turns = prompt.split("<|im_start|>").filter_map(|turn| {
        let (role, text) = turn.split_once('\n')?;
        let text = text.trim_end().trim_end_matches("<|im_end|>");
        (!text.is_empty()).then(|| json!({"role": role, "content": text}))
    });
    turns.collect()
}

fn read(answer: &Value) -> Said {
    let choice = &answer["choices"][0];
    let text = choice["message"]["content"].as_str().ok_or_else(|| {
        let why = "it has no choices[0].message.content";
        ModelError::failed("reading the server's answer", why)
    })?;
    let tokens = |name: &str| {
        let count = answer["usage"][name].as_u64().unwrap_or(0);
        usize::try_from(count).unwrap_or(usize::MAX)
    };
    let likelihoods = choice["logprobs"]["content"].as_array();
    let likelihoods = likelihoods.into_iter().flatten();
    Ok(Completion {
        text: json_in(text).to_owned(),
        prompt_tokens: tokens("prompt_tokens"),
        generated_tokens: tokens("completion_tokens"),
        log_likelihood: likelihoods.filter_map(|one| one["logprob"].as_f64()).sum(),
    })
}

/// The JSON object in an answer: chatty models put words and fences around it.
fn json_in(text: &str) -> &str {
    match (text.find('{'), text.rfind('}')) {
        (Some(from), Some(to)) => text.get(from..=to).unwrap_or(text),
        _ => text,
    }
}

#[cfg(test)]
mod tests;
