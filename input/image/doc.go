// Package image makes pixel values of pictures as people have them, as the image
// processors of Hugging Face's ViT and DeiT do, whose files it reads.
//
//	file -> Decode -> Picture -> Seen -> Picture -> values
//	PNG, JPEG,        [H, W, 3]  resized, [h, w, 3]  [3, h, w]
//	WebP              8 bits     cut                 float32
//
// The reference is Pillow, and the processors of transformers that work with it
// (ViTImageProcessorPil, and ViTImageProcessor before transformers 5). What was
// measured against Pillow 12.3 on the pictures of testdata:
//
//   - PNG and WebP, also lossy, are equal byte for byte; so are all sizes and
//     filters, and what becomes of a byte as a float32.
//   - JPEG differs in up to 7% of bytes, by 3 levels of 255 at most, since Go's
//     inverse cosine transform rounds other than libjpeg-turbo's. Interpolation of
//     colour and conversion are libjpeg-turbo's.
//
// As in Pillow's convert("RGB"), alpha is dropped without being multiplied in, grey
// is repeated, and CMYK is mixed without a profile. Colour profiles and gamma are
// not applied. Three things are other than with the reference alone:
//
//   - EXIF orientation is applied, as ImageOps.exif_transpose does and people's
//     programs before the processor do.
//   - Every picture is made RGB; the processors leave that to do_convert_rgb and
//     fail on grey pictures without it.
//   - Of grey of 16 bits the upper 8 are kept, as Pillow does with colour. Pillow's
//     convert makes white of every grey above 255 of 65,535.
//
// GIF, TIFF, BMP, HEIC and AVIF are refused by name, as are CMYK files without an
// Adobe marker and animations. A picture has at most 200 million pixels and 65,535
// a side; its header is read, and compared with the length of the file, before
// memory is taken.
package image
