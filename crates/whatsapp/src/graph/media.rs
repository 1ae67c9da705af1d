//! Media: uploaded, looked up, deleted. Kept 30 days, those of webhooks 7.

use bytes::Bytes;
use futures::TryStream;
use http::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use super::call::{Body, Call, digits};
use super::{Credential, Failure, Graph};
use crate::json::Read;

/// A file on its way to Meta.
#[derive(Debug)]
pub struct Upload {
    mime_type: String,
    filename: String,
    content: reqwest::Body,
    length: u64,
}

impl Upload {
    /// A file in memory.
    pub fn bytes(mime_type: &str, filename: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Self { mime_type: mime_type.to_owned(), filename: plain(filename), content: bytes.into(), length }
    }

    /// A file that comes piece by piece, `length` bytes in all.
    pub fn stream<S>(mime_type: &str, filename: &str, stream: S, length: u64) -> Self
    where
        S: TryStream + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        Bytes: From<S::Ok>,
    {
        let content = reqwest::Body::wrap_stream(stream);
        Self { mime_type: mime_type.to_owned(), filename: plain(filename), content, length }
    }

    fn into_form(self) -> Result<Form, Failure> {
        let part = Part::stream_with_length(self.content, self.length).file_name(self.filename);
        let part = part.mime_str(&self.mime_type).map_err(|_| Failure::malformed("the media type is none"))?;
        Ok(Form::new().text("messaging_product", "whatsapp").text("type", self.mime_type).part("file", part))
    }
}

/// A name that can't break out of a multipart header; the customer sees the one in the message, not this one.
fn plain(filename: &str) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() || "._- ".contains(char) { char } else { '_' };
    let name: String = filename.chars().map(plain).take(100).collect();
    if name.is_empty() { "file".to_owned() } else { name }
}

/// What Meta says of a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaInfo {
    /// Where its bytes are, for five minutes and with the token.
    pub url: String,
    /// Its type.
    pub mime_type: Option<String>,
    /// Its SHA-256, in Base64 or hexadecimal.
    pub sha256: Option<String>,
    /// Its length.
    pub file_size: Option<u64>,
}

impl MediaInfo {
    /// Reads Meta's answer. `None`: it has no URL.
    pub fn read(answer: &Value) -> Option<Self> {
        Some(Self {
            url: answer.text("url")?,
            mime_type: answer.text("mime_type"),
            sha256: answer.text("sha256"),
            file_size: answer.int("file_size").and_then(|size| size.try_into().ok()),
        })
    }
}

impl Graph {
    /// Uploads a file for one number; answers its id.
    pub async fn upload_media(
        &self,
        credential: &Credential,
        phone_number_id: &str,
        upload: Upload,
    ) -> Result<String, Failure> {
        let path = [digits(phone_number_id)?, "media"];
        let body = Body::Parts(upload.into_form()?);
        self.bring(
            Call { body, ..Call::new(Method::POST, &path, credential) },
            |answer| answer.text("id"),
            "it names no medium",
        )
        .await
    }

    /// Where a medium can be had. With the number's id Meta also checks that the medium is this number's.
    pub async fn media(
        &self,
        credential: &Credential,
        media_id: &str,
        phone_number_id: Option<&str>,
    ) -> Result<MediaInfo, Failure> {
        let path = [digits(media_id)?];
        let query: Vec<(&str, &str)> = phone_number_id.map(|id| ("phone_number_id", id)).into_iter().collect();
        self.bring(
            Call { query: &query, ..Call::new(Method::GET, &path, credential) },
            MediaInfo::read,
            "it has no URL",
        )
        .await
    }

    /// Deletes a medium.
    pub async fn delete_media(&self, credential: &Credential, media_id: &str) -> Result<(), Failure> {
        self.command(Call::new(Method::DELETE, &[digits(media_id)?], credential)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_breaks_out_of_nothing() {
        assert_eq!(plain("factura 12.pdf"), "factura 12.pdf");
        assert_eq!(plain("a\"\r\nContent-Type: text/html\r\n\r\n"), "a___Content-Type_ text_html____");
        assert_eq!(plain("../../ñ"), ".._.._ _".replace(' ', ""));
        assert_eq!(plain(""), "file");
    }
}
