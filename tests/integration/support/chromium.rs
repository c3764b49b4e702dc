//! A headless Chromium, driven over WebDriver (<https://www.w3.org/TR/webdriver2/>).

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};

use super::http::Endpoint;
use super::patience::PATIENCE;
use super::ports::free_address;
use super::process::{Folder, Process};
use super::tool;

/// It calls nobody of its own accord, and needs no kernel's help to be locked in.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// One browser window. Driver and browser are killed when it is dropped.
pub struct Chromium {
    driver: Endpoint,
    session: String,
    _process: Process,
    _folder: Folder,
}

impl Chromium {
    /// Opens one; `None` where there is no Chromium, which is said.
    pub async fn open() -> Option<Self> {
        let (driver, browser) = (tool::optional("chromedriver")?, tool::optional("chromium")?);
        let folder = Folder::new("wallet-chromium");
        let address = free_address();
        let mut command = Command::new(driver);
        command.arg(format!("--port={}", address.port()));
        command.env("HOME", folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::lead(&mut command);
        let driver = Endpoint::at(address);
        let started = Instant::now();
        while driver.try_get("/status").await.is_err() {
            assert!(started.elapsed() < PATIENCE, "chromedriver does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([profile.as_str()]).collect();
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "binary": browser, "args": flags },
        }}});
        let mut opened =
            Self { driver, session: String::new(), _process: process, _folder: folder };
        let session = opened.call(Method::POST, "/session", &wanted).await;
        opened.session = session["sessionId"].as_str().expect("a session").to_owned();
        Some(opened)
    }

    /// Opens a page.
    pub async fn go(&self, url: &str) {
        self.ask("/url", &json!({ "url": url })).await;
    }

    /// What a script's `return` comes to.
    pub async fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({ "script": script, "args": [] })).await
    }

    /// What an expression comes to once it is neither null nor false.
    pub async fn wait_for(&self, expression: &str) -> Value {
        let started = Instant::now();
        loop {
            let value = self.run(&format!("return {expression}")).await;
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            if started.elapsed() > PATIENCE {
                let page = self.run("return document.body.innerText").await;
                panic!("never: {expression}\n{page}\n{:#?}", self.complaints().await);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every warning and error in the console since the last time.
    pub async fn complaints(&self) -> Vec<Value> {
        let log = self.ask("/se/log", &json!({ "type": "browser" })).await;
        let log = log.as_array().expect("a log");
        let loud = |entry: &&Value| entry["level"] == "SEVERE" || entry["level"] == "WARNING";
        log.iter().filter(loud).cloned().collect()
    }

    /// The URL of every request since the last time.
    pub async fn requests(&self) -> Vec<String> {
        let log = self.ask("/se/log", &json!({ "type": "performance" })).await;
        let events = log
            .as_array()
            .expect("a log")
            .iter()
            .filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        events
            .map(|event| event["message"].clone())
            .filter(|event| event["method"] == "Network.requestWillBeSent")
            .filter_map(|event| Some(event["params"]["request"]["url"].as_str()?.to_owned()))
            .collect()
    }

    async fn ask(&self, path: &str, body: &Value) -> Value {
        self.call(Method::POST, &format!("/session/{}{path}", self.session), body).await
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let headers = [("content-type", "application/json")];
        let reply = self.driver.send(method, path, &headers, body.to_string()).await;
        let mut reply = reply.unwrap_or_else(|error| panic!("{path}: {error}")).json();
        assert!(reply["value"].get("error").is_none(), "{path}: {reply:#}");
        reply["value"].take()
    }

    /// Closes the window, so that the browser can tidy up.
    pub async fn close(self) {
        self.call(Method::DELETE, &format!("/session/{}", self.session), &json!({})).await;
    }
}
