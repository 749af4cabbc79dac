//! As much HTTP as it takes to make a bucket, and to see whether a server answers.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

/// Sends a request without a body, or with one; the status of the answer.
pub(crate) fn send(
    port: u16,
    method_and_path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<u16> {
    ask(port, method_and_path, headers, body).map(|(status, _)| status)
}

/// The same, with the rest of the answer as a text.
pub(crate) fn ask(
    port: u16,
    method_and_path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<(u16, String)> {
    let headers: String =
        headers.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
    let length = body.len();
    let request = format!(
        "{method_and_path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("the server's answer is no HTTP"))?;
    let text = line.split_once("\r\n\r\n").map_or("", |(_, text)| text);
    Ok((status, text.to_owned()))
}
