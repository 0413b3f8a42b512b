//! A real browser, driven from outside, and ended with the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::command::{Command as DriverCommand, ExtensionCommand};
use thirtyfour::prelude::*;

const DRIVER: &str = "/usr/bin/chromedriver";
const BROWSER: &str = "/usr/bin/chromium";
/// How long the driver may take to end its browser.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);
/// Lines of the driver's output in which it names its port.
const LINES_MAX: usize = 20;

/// A browser with a profile of its own.
pub(super) struct Browser {
    pub(super) page: WebDriver,
    _driver: Driver,
    _profile: TempDir,
}

/// The program that drives the browser; both end when it is dropped.
struct Driver {
    child: Child,
    port: u16,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Killed at once, the driver would leave its browser behind: it is asked first, and answers when all is over.
        let _ = self.shut_down();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Driver {
    fn shut_down(&self) -> std::io::Result<()> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
        connection.set_read_timeout(Some(SHUTDOWN_PATIENCE))?;
        connection.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        connection.read_to_end(&mut Vec::new()).map(drop)
    }

    fn start() -> Result<Self> {
        let mut child =
            Command::new(DRIVER).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("the driver's output is piped")?;
        let mut driver = Self { child, port: 0 };
        for line in BufReader::new(output).lines().take(LINES_MAX) {
            let line = line?;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                driver.port = port.trim_end_matches('.').parse()?;
                return Ok(driver);
            }
        }
        anyhow::bail!("the driver did not name its port")
    }
}

impl Browser {
    /// Starts a browser; nothing where none is installed.
    pub(super) async fn start() -> Result<Option<Self>> {
        if !(Path::new(DRIVER).exists() && Path::new(BROWSER).exists()) {
            println!("skipped: {DRIVER} and {BROWSER} are not installed");
            return Ok(None);
        }
        let profile = tempfile::tempdir()?;
        let driver = Driver::start()?;
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(BROWSER)?;
        for argument in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ] {
            capabilities.add_arg(argument)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        capabilities.set("goog:loggingPrefs", json!({ "browser": "ALL" }))?;
        let page = WebDriver::new(format!("http://127.0.0.1:{}", driver.port), capabilities).await?;
        // The session ends with its driver; ending it twice would wait in vain for an answer.
        page.clone().leak()?;
        Ok(Some(Self { page, _driver: driver, _profile: profile }))
    }

    /// Makes the window so many CSS pixels wide.
    pub(super) async fn be_wide(&self, width: u32) -> Result<()> {
        let screen = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.page.cdp().send_raw("Emulation.setDeviceMetricsOverride", screen).await?;
        Ok(())
    }

    /// Makes the system prefer `light` or `dark`.
    pub(super) async fn prefer(&self, scheme: &str) -> Result<()> {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.page.cdp().send_raw("Emulation.setEmulatedMedia", features).await?;
        Ok(())
    }

    /// What a script answers.
    pub(super) async fn eval(&self, script: &str) -> Result<Value> {
        Ok(self.page.execute(script, Vec::new()).await?.json().clone())
    }

    /// Errors that the browser noted since the last time.
    pub(super) async fn errors(&self) -> Result<Vec<String>> {
        let answer = self.page.handle().cmd(DriverCommand::ExtensionCommand(Box::new(ReadLog))).await?;
        let entries: Vec<Value> = answer.value()?;
        let errors = entries.iter().filter(|entry| entry.get("level") == Some(&json!("SEVERE")));
        Ok(errors.filter_map(|entry| entry.get("message")).map(Value::to_string).collect())
    }

    /// Keeps a picture of the whole page beside the build's other files, for whoever wants to look at it.
    pub(super) async fn keep_picture(&self, name: &str) -> Result<()> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("portal");
        std::fs::create_dir_all(&folder)?;
        let width = self.eval("return innerWidth").await?;
        let height = self.eval("return document.documentElement.scrollHeight").await?;
        let whole = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.page.cdp().send_raw("Emulation.setDeviceMetricsOverride", whole).await?;
        self.page.screenshot(&folder.join(format!("{name}.png"))).await?;
        Ok(())
    }
}

/// Reads what pages wrote to the console, and what the browser refused to load.
#[derive(Debug)]
struct ReadLog;

impl ExtensionCommand for ReadLog {
    fn parameters_json(&self) -> Option<Value> {
        Some(json!({ "type": "browser" }))
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Arc<str> {
        Arc::from("/se/log")
    }
}
