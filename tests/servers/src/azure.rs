//! A server that speaks as Azure Blob Storage does.

use std::process::Command;

use jiff::Timestamp;
use ring::hmac;

use crate::process::Process;
use crate::{http, installed};

/// A server with the account and the key that every emulator of Azure has. It keeps all in memory.
#[derive(Debug)]
pub struct AzureServer(Process);

impl AzureServer {
    /// The only account.
    pub const ACCOUNT: &str = "devstoreaccount1";
    /// Its key, which is no secret.
    /// Source: <https://learn.microsoft.com/azure/storage/common/storage-connect-azurite>.
    pub const KEY: &str =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    /// Starts one; `None` where it is not installed.
    pub fn start() -> Option<Self> {
        let program = installed::find("npm/node_modules/azurite/dist/src/blob/main.js")?;
        Some(Self(Process::start(|port, _| {
            let mut server = Command::new("node");
            server.arg(&program).args(["--silent", "--inMemoryPersistence", "--disableTelemetry"]);
            server.args(["--skipApiVersionCheck", "--blobHost", "127.0.0.1"]);
            server.args(["--blobPort", &port.to_string()]);
            server
        })))
    }

    /// The address of the account.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{}", self.0.port(), Self::ACCOUNT)
    }

    /// Makes a container.
    pub fn create_container(&self, name: &str) {
        let account = Self::ACCOUNT;
        let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let version = "2021-08-06";
        // What is signed has the account twice where it is part of the path, as it is here.
        let signed = format!(
            "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{version}\n\
             /{account}/{account}/{name}\nrestype:container"
        );
        let authorization = format!("SharedKey {account}:{}", sign(&signed));
        let headers = [
            ("x-ms-date", date.as_str()),
            ("x-ms-version", version),
            ("Authorization", &authorization),
        ];
        let path = format!("PUT /{account}/{name}?restype=container");
        let status = http::send(self.0.port(), &path, &headers, "");
        assert_eq!(status.expect("the server answers"), 201, "{name}");
    }
}

fn sign(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &decode(AzureServer::KEY));
    encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64; there is no other need for it here.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=group.len()].copy_from_slice(group);
        let number = u32::from_be_bytes(padded);
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn decode(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let (mut bytes, mut rest, mut bits) = (Vec::new(), 0_usize, 0);
    for digit in digits {
        (rest, bits) = ((rest << 6 | digit) & 0xffff, bits + 6);
        if bits >= 8 {
            bits -= 8;
            bytes.push((rest >> bits) as u8);
        }
    }
    bytes
}
