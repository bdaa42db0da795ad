package image

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

// What is read is bounded, so that a file of a few bytes cannot ask for all of
// the memory. The largest cameras in pockets take 200 megapixels.
const (
	maxPixels   = 200_000_000
	maxSide     = 65_535 // of JPEG's own; a line of pixels grows in one direction first
	maxFileSize = 512 << 20
)

// A Picture is [Height, Width, 3] of red, green and blue, row by row from the
// top left.
type Picture struct {
	Width, Height int
	Pix           []uint8
}

func newPicture(width, height int) *Picture {
	return &Picture{width, height, make([]uint8, 3*width*height)}
}

// format is one that is read: its size and all of it, and where its EXIF data
// lie.
type format struct {
	name   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	exif   func([]byte) []byte
	// atLeast returns the least number of bytes that hold so many pixels, or 0.
	atLeast func(data []byte, pixels int) int
	// fromYCbCr turns brightness and two colour differences into RGB.
	fromYCbCr func(*Picture, *image.YCbCr)
}

// Decode reads a PNG, JPEG or WebP file, whatever its name is, into 8 bits a
// channel as Pillow's convert("RGB") does, and turns it as its EXIF orientation
// says.
func Decode(r io.Reader) (*Picture, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("the file has more than %d MiB, the most that is read of a picture", maxFileSize>>20)
	}
	f, err := sniff(data)
	if err != nil {
		return nil, err
	}
	config, err := f.config(bytes.NewReader(data))
	if err != nil {
		return nil, f.damaged(err)
	}
	w, h := config.Width, config.Height
	switch {
	case w <= 0 || h <= 0:
		return nil, fmt.Errorf("the %s is %d x %d pixels: there is nothing to see", f.name, w, h)
	case w > maxPixels/h:
		return nil, fmt.Errorf("the %s says that it is %d x %d pixels; at most %d million are read: make it smaller first", f.name, w, h, maxPixels/1_000_000)
	case w > maxSide || h > maxSide:
		return nil, fmt.Errorf("the %s says that it is %d x %d pixels; at most %d a side are read: cut it first", f.name, w, h, maxSide)
	}
	if n := f.atLeast(data, w*h); len(data) < n {
		return nil, f.damaged(fmt.Errorf("%d x %d pixels need %d bytes or more, and it has %d", w, h, n, len(data)))
	}
	m, err := f.decode(bytes.NewReader(data))
	if err != nil {
		return nil, f.damaged(err)
	}
	p, err := f.rgb(m)
	if err != nil {
		return nil, fmt.Errorf("the %s: %w", f.name, err)
	}
	return p.turned(orientation(f.exif(data))), nil
}

func (f format) damaged(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errors.New("it ends too early")
	}
	return fmt.Errorf("the %s cannot be read: %w; it is damaged, cut short or of a rare kind: get it again or save it anew", f.name, err)
}

// sniff tells the format by the first bytes.
func sniff(data []byte) (format, error) {
	begins := func(s string) bool { return bytes.HasPrefix(data, []byte(s)) }
	at := func(i int, s string) bool { return len(data) > i && bytes.HasPrefix(data[i:], []byte(s)) }
	var other string
	switch {
	case begins("\x89PNG\r\n\x1a\n"):
		return format{"PNG", png.DecodeConfig, png.Decode, pngEXIF, pngAtLeast, nil}, nil
	case begins("\xff\xd8\xff"):
		return format{"JPEG", jpeg.DecodeConfig, jpeg.Decode, jpegEXIF, jpegAtLeast, (*Picture).fromJPEG}, nil
	case begins("RIFF") && at(8, "WEBP"):
		if at(12, "VP8X") && len(data) > 20 && data[20]&0x02 != 0 {
			return format{}, errors.New("the WebP is an animation: save one picture of it as PNG")
		}
		return format{"WebP", webp.DecodeConfig, webp.Decode, webpEXIF, webpAtLeast, (*Picture).fromVP8}, nil
	case len(data) == 0:
		return format{}, errors.New("the picture's file is empty")
	case begins("GIF8"):
		other = "a GIF"
	case begins("II*\x00"), begins("MM\x00*"):
		other = "a TIFF"
	case begins("BM"):
		other = "a BMP"
	case at(4, "ftypavif"), at(4, "ftypavis"):
		other = "an AVIF"
	case at(4, "ftypheic"), at(4, "ftypheix"), at(4, "ftyphevc"), at(4, "ftypmif1"), at(4, "ftypmsf1"):
		other = "a HEIC"
	case begins("\xff\x0a"), at(4, "JXL "):
		other = "a JPEG XL"
	case at(4, "jP  "), begins("\xff\x4f\xff\x51"):
		other = "a JPEG 2000"
	default:
		return format{}, errors.New("not a picture that is known here: PNG, JPEG and WebP are read")
	}
	return format{}, fmt.Errorf("%s, which is not read: PNG, JPEG and WebP are, so convert it first", other)
}

// pngAtLeast: deflate makes at most 1,032 bytes of one (RFC 1951: 258 bytes from
// two codes of one bit).
func pngAtLeast(data []byte, pixels int) int {
	const head = 8 + 8 + 13 // signature, chunk header, IHDR
	if len(data) < head {
		return head
	}
	channels := map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[data[25]]
	return pixels / 8 * int(data[24]) * channels / 1032
}

// jpegAtLeast: a block of 8 x 8 pixels takes one bit or more.
func jpegAtLeast(_ []byte, pixels int) int { return pixels / (64 * 8) }

// webpAtLeast: one colour all over takes no bits at all, whatever the size.
func webpAtLeast([]byte, int) int { return 0 }
