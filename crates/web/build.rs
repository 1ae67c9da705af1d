//! Lays ready what pages bring along: our styles in one file, scripts and Turbo without their remarks, the icons that are used
//! as one sprite, and each of them compressed, so that serving only picks.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions, LegalComment};
use oxc_parser::Parser;
use oxc_span::SourceType;
use sha2::{Digest, Sha256};

/// In the order in which the cascade reads them.
const STYLES: &[&str] = &["tokens", "base", "controls", "shell", "screens", "inbox", "message"];

/// Ours, as they are.
const FILES: &[&str] = &[
    "js/app.js",
    "js/draft.js",
    "js/files.js",
    "js/inbox.js",
    "js/keys.js",
    "js/live.js",
    "js/media.js",
    "js/message.js",
    "js/palette.js",
    "js/panel.js",
    "js/passkey.js",
    "js/reading.js",
    "js/rows.js",
    "js/together.js",
    "js/undo.js",
    "img/mark.svg",
];

/// Turbo's own file.
const TURBO: &str = "node_modules/@hotwired/turbo/dist/turbo.es2017-esm.js";

/// Where the icons come from.
const ICONS: &str = "node_modules/lucide-static/icons";

fn main() {
    let here =
        PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("Cargo says where the crate is")).join("assets");
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("Cargo says where to build")).join("assets");
    println!("cargo:rerun-if-changed=assets/css");
    println!("cargo:rerun-if-changed=assets/js");
    println!("cargo:rerun-if-changed=assets/img");
    println!("cargo:rerun-if-changed=assets/icons.txt");
    println!("cargo:rerun-if-changed=assets/{TURBO}");
    if !here.join(TURBO).exists() || !here.join(ICONS).exists() {
        eprintln!("the front-end packages are not here: run `make assets` first");
        std::process::exit(1);
    }
    let files = gather(&here);
    let mut content = Sha256::new();
    for (name, bytes) in &files {
        content.update(name.as_bytes());
        content.update(bytes);
    }
    let build: String = content.finalize().iter().take(8).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes what is written");
        hex
    });
    println!("cargo:rustc-env=ASSETS_BUILD={build}");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).expect("the folder for assets can be made");
    for (name, bytes) in files {
        let bytes = if name.ends_with(".js") { bare(&name, bytes) } else { bytes };
        fs::write(out.join(&name), &bytes).expect("an asset can be written");
        fs::write(out.join(format!("{name}.gz")), gzip(&bytes)).expect("an asset can be written");
        fs::write(out.join(format!("{name}.br")), brotli(&bytes)).expect("an asset can be written");
    }
}

/// What is served, by name.
fn gather(here: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |path: &str| fs::read(here.join(path)).unwrap_or_else(|error| panic!("assets/{path}: {error}"));
    let css: Vec<u8> = STYLES.iter().flat_map(|name| read(&format!("css/{name}.css"))).collect();
    let mut files = vec![
        ("app.css".to_owned(), css),
        ("turbo.js".to_owned(), read(TURBO)),
        ("icons.svg".to_owned(), sprite(here).into_bytes()),
    ];
    for path in FILES {
        let name = path.rsplit('/').next().expect("a path has a last part");
        files.push((name.to_owned(), read(path)));
    }
    files
}

/// One symbol an icon. How lines are drawn is for the style to say.
fn sprite(here: &Path) -> String {
    let names = fs::read_to_string(here.join("icons.txt")).expect("assets/icons.txt names the icons");
    let mut sprite = String::from("<svg xmlns=\"http://www.w3.org/2000/svg\">");
    for name in names.lines().map(str::trim).filter(|name| !name.is_empty()) {
        let path = here.join(ICONS).join(format!("{name}.svg"));
        let icon = fs::read_to_string(&path).unwrap_or_else(|error| panic!("icon {name}: {error}"));
        let (_, drawing) =
            icon.split_once("<svg").and_then(|(_, rest)| rest.split_once('>')).expect("an icon is an svg");
        let drawing = drawing.rsplit_once("</svg>").expect("an icon's svg ends").0;
        let drawing: Vec<&str> = drawing.lines().map(str::trim).collect();
        write!(sprite, "<symbol id=\"{name}\" viewBox=\"0 0 24 24\">{}</symbol>", drawing.concat())
            .expect("a String takes what is written");
    }
    sprite.push_str("</svg>\n");
    sprite
}

/// A script without remarks and spaces, but for the lines that say whose it is. What it does and what its parts are called stays
/// as it is.
fn bare(name: &str, script: Vec<u8>) -> Vec<u8> {
    let script = String::from_utf8(script).expect("a script is text");
    let allocator = Allocator::default();
    let read = Parser::new(&allocator, &script, SourceType::mjs()).parse();
    assert!(read.diagnostics.is_empty(), "{name}: {:?}", read.diagnostics);
    let comments = CommentOptions { normal: false, jsdoc: false, annotation: false, legal: LegalComment::Inline };
    let options = CodegenOptions { comments, ..CodegenOptions::minify() };
    Codegen::new().with_options(options).build(&read.program).code.as_bytes().to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory takes what is written");
    encoder.finish().expect("memory takes what is written")
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &params).expect("memory takes what is written");
    out
}
