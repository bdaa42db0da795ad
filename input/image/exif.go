package image

import (
	"bytes"
	"encoding/binary"
)

// orientation finds tag 0x0112 of the first directory (Exif 2.32, 4.6.4): 1 to 8,
// and 1 where there is none or it makes no sense.
func orientation(exif []byte) int {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(exif, []byte("II*\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(exif, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return 1
	}
	if len(exif) < 8 {
		return 1
	}
	at := uint64(order.Uint32(exif[4:]))
	if at+2 > uint64(len(exif)) {
		return 1
	}
	entries := exif[at+2:]
	for range order.Uint16(exif[at:]) {
		if len(entries) < 12 {
			return 1
		}
		const tag, short = 0x0112, 3
		if order.Uint16(entries) == tag {
			v := int(order.Uint16(entries[8:]))
			if order.Uint16(entries[2:]) != short || v < 1 || v > 8 {
				return 1
			}
			return v
		}
		entries = entries[12:]
	}
	return 1
}

var exifPrefix = []byte("Exif\x00\x00")

// jpegEXIF returns what the first APP1 segment of that kind holds.
func jpegEXIF(data []byte) []byte {
	for rest := data[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		const app1, startOfScan = 0xe1, 0xda
		marker := rest[1]
		if marker == 0xff { // fill
			rest = rest[1:]
			continue
		}
		n := int(binary.BigEndian.Uint16(rest[2:]))
		if marker == startOfScan || n < 2 || 2+n > len(rest) {
			return nil
		}
		if body := rest[4 : 2+n]; marker == app1 && bytes.HasPrefix(body, exifPrefix) {
			return body[len(exifPrefix):]
		}
		rest = rest[2+n:]
	}
	return nil
}

// pngEXIF returns the eXIf chunk, wherever it lies.
func pngEXIF(data []byte) []byte {
	for rest := data[8:]; len(rest) >= 12; {
		n := uint64(binary.BigEndian.Uint32(rest))
		if n+12 > uint64(len(rest)) {
			return nil
		}
		if string(rest[4:8]) == "eXIf" {
			return rest[8 : 8+n]
		}
		rest = rest[12+n:] // length, name and checksum
	}
	return nil
}

// webpEXIF returns the EXIF chunk, with or without the prefix that JPEG has.
func webpEXIF(data []byte) []byte {
	for rest := data[12:]; len(rest) >= 8; {
		n := uint64(binary.LittleEndian.Uint32(rest[4:]))
		if n+8 > uint64(len(rest)) {
			return nil
		}
		if string(rest[:4]) == "EXIF" {
			return bytes.TrimPrefix(rest[8:8+n], exifPrefix)
		}
		rest = rest[min(8+n+n%2, uint64(len(rest))):]
	}
	return nil
}

// turned returns the picture as orientation says that it is to be seen.
func (p *Picture) turned(orientation int) *Picture {
	right, bottom := p.Width-1, p.Height-1
	var from func(x, y int) (int, int) // where pixel (x, y) of the result lies in p
	switch orientation {
	case 2: // mirrored
		from = func(x, y int) (int, int) { return right - x, y }
	case 3: // upside down
		from = func(x, y int) (int, int) { return right - x, bottom - y }
	case 4:
		from = func(x, y int) (int, int) { return x, bottom - y }
	case 5: // about the diagonal
		from = func(x, y int) (int, int) { return y, x }
	case 6: // to be turned clockwise
		from = func(x, y int) (int, int) { return y, bottom - x }
	case 7:
		from = func(x, y int) (int, int) { return right - y, bottom - x }
	case 8: // to be turned counterclockwise
		from = func(x, y int) (int, int) { return right - y, x }
	default:
		return p
	}
	w, h := p.Width, p.Height
	if orientation >= 5 {
		w, h = h, w
	}
	out := newPicture(w, h)
	for y := range h {
		to := out.row(y)
		for x := range w {
			sx, sy := from(x, y)
			copy(to[3*x:3*x+3], p.row(sy)[3*sx:])
		}
	}
	return out
}
