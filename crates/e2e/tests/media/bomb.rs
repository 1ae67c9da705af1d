//! Small files that want much memory: each ends in a process of its own, within the memory that it is given.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use futures::StreamExt;
use worker::media::{DECODER_COMMAND, Decoder, Shrunk};

use super::*;

/// As the server gives it.
const MEMORY: u64 = 64 << 20;

/// The program's own pages are files, not memory that a picture takes.
const PROGRAM: u64 = 32 << 20;

/// So many pixels in three bytes each are within the memory; what decoding takes beside them is not.
const SIDE: u16 = 4600;

fn chunk(name: &[u8; 4], bytes: &[u8]) -> Vec<u8> {
    let mut chunk = [&name[..], &u32::try_from(bytes.len()).expect("small").to_le_bytes(), bytes].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"RIFF", &[&b"WEBP"[..], &chunks.concat()].concat())
}

/// A lossless picture in one colour: five codes of one symbol, which takes no bit, so that all pixels take none.
fn lossless(side: u16) -> Vec<u8> {
    let side = u32::from(side) - 1;
    // No transform, no cache, no other codes; each code: simple, one symbol, of one bit, zero.
    let codes = (0..5).fold(0_u32, |bits, nth| bits | 1 << (3 + 4 * nth));
    let bytes = [&[0x2f][..], &(side | side << 14).to_le_bytes(), &codes.to_le_bytes(), &[0; 3000]].concat();
    chunk(b"VP8L", &bytes)
}

fn three(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}

/// An animation of one frame that fills its canvas.
fn animation(side: u16) -> Vec<u8> {
    let edge = three(u32::from(side) - 1);
    let canvas = chunk(b"VP8X", &[&[0b10, 0, 0, 0][..], &edge, &edge].concat());
    let frame = [&[0; 6][..], &edge, &edge, &three(100), &[0], &lossless(side)].concat();
    webp(&[canvas, chunk(b"ANIM", &[0; 6]), chunk(b"ANMF", &frame)])
}

fn segment(marker: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len() + 2).expect("short").to_be_bytes();
    [&[0xff, marker][..], &length, bytes].concat()
}

/// A JPEG of three components that are kept whole until its last scan.
fn progressive(side: u16) -> Vec<u8> {
    let side = side.to_be_bytes();
    let quantization = segment(0xdb, &[&[0][..], &[1; 64]].concat());
    let frame = segment(0xc2, &[&[8][..], &side, &side, &[3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]].concat());
    let mut counts = [0; 17];
    counts[1] = 1;
    let codes = segment(0xc4, &[&counts[..], &[0]].concat());
    let scan = segment(0xda, &[3, 1, 0, 2, 0, 3, 0, 0, 0, 0]);
    [&[0xff, 0xd8][..], &quantization, &frame, &codes, &scan, &[0; 2000], &[0xff, 0xd9]].concat()
}

/// The most that a process had of memory at once; it only grows, so the last look before the end counts.
fn peak(child: &mut Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().expect("a child").is_none() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|digits| digits.parse().ok());
        most = most.max(kilobytes.unwrap_or(0) << 10);
        std::thread::yield_now();
    }
    most
}

#[test]
fn a_picture_takes_no_more_memory_than_it_is_given() {
    let photograph = png(4000, 3000, 20);
    for (name, picture, made) in [
        ("a lossless WebP", webp(&[lossless(SIDE)]), false),
        ("the largest WebP", webp(&[lossless(16_383)]), false),
        ("an animation", animation(SIDE), false),
        ("a progressive JPEG", progressive(SIDE), false),
        ("a small lossless WebP", webp(&[lossless(2000)]), true),
        ("a small animation", animation(1500), true),
        ("a small progressive JPEG", progressive(2000), true),
        ("a photograph of 12 million pixels", photograph, true),
    ] {
        let mut child = Command::new(e2e::program::binary())
            .args([DECODER_COMMAND, "--memory", &MEMORY.to_string(), "--size", &picture.len().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        _ = child.stdin.take().expect("a pipe").write_all(&picture);
        let most = peak(&mut child);
        let status = child.wait().expect("it ended");
        eprintln!("{name}: {} bytes, {} MiB at most, {status}", picture.len(), most >> 20);
        assert_eq!(status.success(), made, "{name}: {status}");
        assert!(most <= MEMORY + PROGRAM, "{name}: {} MiB", most >> 20);
    }
}

/// What becomes of it is known after one try, also where its process was ended for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_much_is_refused_and_no_fault_of_the_server() {
    let decoder = Decoder { program: e2e::program::binary(), memory: MEMORY };
    let shrink = async |picture: Vec<u8>| {
        let size = picture.len() as u64;
        decoder.shrink(futures::stream::iter([Ok(picture.into())]).boxed(), size).await.expect("the process runs")
    };
    for bomb in [webp(&[lossless(SIDE)]), animation(SIDE), progressive(SIDE), b"no picture".to_vec(), Vec::new()] {
        assert!(matches!(shrink(bomb).await, Shrunk::Refused(_)));
    }
    assert!(matches!(shrink(png(4000, 3000, 20)).await, Shrunk::Made(_)));
    let absent = Decoder { program: "/nowhere/wazapp".into(), memory: MEMORY };
    assert!(absent.shrink(futures::stream::empty().boxed(), 1).await.is_err());
}

/// It is kept, gets no thumbnail, is tried once, and the next picture gets its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_tried_once() {
    let stage = Stage::new().await;
    let bombs = [webp(&[lossless(SIDE)]), animation(SIDE), progressive(SIDE)];
    for bomb in &bombs {
        let wamid = stage.sends("document", "application/octet-stream", bomb, Some("foto")).await;
        stage.until(&wamid, "stored").await;
    }
    let next = stage.picture(&png(400, 400, 1)).await;
    stage.until(&next, "stored").await;
    stage.thumbnailed(&next).await;
    let tried =
        "SELECT count(*) FROM wazapp.file WHERE thumbnail_at IS NULL AND thumbnail IS NULL AND thumbnail_attempts = 1";
    stage.world.until("each was tried once", async || stage.world.count(tried).await == 3).await;
    stage.world.end().await;
}
