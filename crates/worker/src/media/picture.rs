//! A picture made small.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

/// The longest side of a thumbnail, in pixels.
const SIDE: u32 = 320;

/// The longest side of a picture of which one is made, in pixels.
const LONGEST: u32 = 16_384;

/// Of a hundred.
const QUALITY: u8 = 80;

/// A thumbnail of a JPEG, PNG or WebP picture: a JPEG, or a WebP where something shines through. An error: it is no such
/// picture, it is broken, or its pixels alone take more than this much memory. What else a decoder allocates it does not say
/// before: [`super::decoder`] bounds it.
pub(super) fn shrink(bytes: &[u8], memory: u64) -> Result<Vec<u8>, ImageError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST);
    limits.max_image_height = Some(LONGEST);
    limits.max_alloc = Some(memory);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    // Phones keep pictures as the sensor saw them, and note how they were held.
    let orientation = decoder.orientation()?;
    let picture = DynamicImage::from_decoder(decoder)?;
    let mut small = if picture.width().max(picture.height()) > SIDE { picture.thumbnail(SIDE, SIDE) } else { picture };
    // Turning takes a copy: of the small one.
    small.apply_orientation(orientation);
    let mut made = Vec::new();
    if small.color().has_alpha() {
        small.to_rgba8().write_with_encoder(WebPEncoder::new_lossless(&mut made))?;
    } else {
        small.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut made, QUALITY))?;
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    const MEMORY: u64 = 64 << 20;

    fn shrink(bytes: &[u8]) -> Result<Vec<u8>, ImageError> {
        super::shrink(bytes, MEMORY)
    }

    fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, format).expect("it is encoded");
        bytes.into_inner()
    }

    #[test]
    fn the_longest_side_is_320() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let small = shrink(&encoded(RgbImage::from_pixel(1000, 500, Rgb([200, 10, 10])), format)).expect("small");
            let read = image::load_from_memory_with_format(&small, ImageFormat::Jpeg).expect("a JPEG");
            assert_eq!((read.width(), read.height()), (320, 160), "{format:?}");
            let pixel = read.to_rgb8().get_pixel(100, 100).0;
            assert!(pixel[0] > 180 && pixel[1] < 40, "{format:?}: {pixel:?}");
        }
    }

    #[test]
    fn what_shines_through_still_does() {
        let small = shrink(&encoded(RgbaImage::from_pixel(512, 512, Rgba([0, 0, 0, 0])), ImageFormat::WebP));
        let read = image::load_from_memory_with_format(&small.expect("small"), ImageFormat::WebP).expect("a WebP");
        assert_eq!(read.to_rgba8().get_pixel(5, 5).0[3], 0);
    }

    #[test]
    fn a_small_one_is_not_blown_up() {
        let small = shrink(&encoded(RgbImage::new(10, 20), ImageFormat::Png)).expect("small");
        let read = image::load_from_memory(&small).expect("a picture");
        assert_eq!((read.width(), read.height()), (10, 20));
    }

    /// A file of a megabyte that holds a quarter of a gigabyte of pixels is not decoded.
    #[test]
    fn a_bomb_is_refused() {
        let bomb = encoded(image::GrayImage::new(16_000, 16_000), ImageFormat::Png);
        assert!(bomb.len() < 2_000_000, "{}", bomb.len());
        assert!(matches!(shrink(&bomb), Err(ImageError::Limits(_))));
        let wide = encoded(image::GrayImage::new(17_000, 10), ImageFormat::Png);
        assert!(matches!(shrink(&wide), Err(ImageError::Limits(_))));
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let whole = encoded(RgbImage::new(100, 100), ImageFormat::Png);
        for wrong in [&b""[..], b"<svg xmlns='http://www.w3.org/2000/svg'/>", &whole[..whole.len() / 2]] {
            assert!(shrink(wrong).is_err());
        }
    }
}
