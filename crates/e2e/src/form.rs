//! Forms with files, as browsers and HTTP clients send them.

const BOUNDARY: &str = "a-boundary";

/// A multipart form, part by part.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<u8>);

impl Form {
    /// What goes with it as `content-type`.
    pub const CONTENT_TYPE: &str = "multipart/form-data; boundary=a-boundary";

    /// Without a part.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more field.
    #[must_use]
    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(name, None, None, value.as_bytes())
    }

    /// With one more file.
    #[must_use]
    pub fn file(self, filename: &str, mime: &str, bytes: &[u8]) -> Self {
        self.part("file", Some(filename), Some(mime), bytes)
    }

    /// With one more part, whatever is said of it.
    #[must_use]
    pub fn part(mut self, name: &str, filename: Option<&str>, mime: Option<&str>, bytes: &[u8]) -> Self {
        let filename = filename.map_or_else(String::new, |name| format!("; filename=\"{name}\""));
        let mime = mime.map_or_else(String::new, |mime| format!("content-type: {mime}\r\n"));
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{filename}\r\n{mime}\r\n");
        self.0.extend(head.bytes());
        self.0.extend(bytes);
        self.0.extend(b"\r\n");
        self
    }

    /// What a client has sent of it that is in the middle of its last part.
    pub fn begun(mut self) -> Vec<u8> {
        self.0.truncate(self.0.len() - 2);
        self.0
    }

    /// The body of the request.
    pub fn end(mut self) -> Vec<u8> {
        self.0.extend(format!("--{BOUNDARY}--\r\n").bytes());
        self.0
    }
}
