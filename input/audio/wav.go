package audio

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The kinds of samples of a WAV (RFC 2361 lists them all).
const (
	pcm        = 1
	float      = 3
	aLaw       = 6
	muLaw      = 7
	extensible = 0xfffe
)

var kindNames = map[uint16]string{
	2: "Microsoft ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x50: "MPEG", 0x55: "MP3", 0x92: "AC-3", 0xff: "AAC",
}

// wav reads the frames of a data chunk.
type wav struct {
	r       *bufio.Reader
	kind    uint16
	bits    int // 8 for each byte of a sample, wherever its valid bits lie
	align   int // bytes of a frame
	left    int64
	size    int64
	endless bool // a program that wrote a stream did not know its size
	bytes   []byte
	frames  []float32
}

const noSize = math.MaxUint32

// newWAV reads chunks up to the data. Others (LIST, fact, bext) are skipped.
func newWAV(r *bufio.Reader) (*Reader, error) {
	var riff [12]byte
	if _, err := io.ReadFull(r, riff[:]); err != nil {
		return nil, errCut
	}
	riffSize := binary.LittleEndian.Uint32(riff[4:])
	w := &wav{r: r}
	var rate, channels int
	var long int64 // the data's size of an RF64
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, errCut
		}
		name, size := string(head[:4]), binary.LittleEndian.Uint32(head[4:])
		switch {
		case name == "data":
			if w.align == 0 {
				return nil, errors.New("the WAV has data before it says what they are (no fmt chunk): get it again")
			}
			w.size = int64(size)
			w.endless = size == 0 && (riffSize == 0 || riffSize == noSize) || size >= endlessFrom
			switch {
			case size == noSize && long > 0:
				w.size, w.endless = long, false
			case size == 0 && w.endless, size == noSize:
				w.size = math.MaxInt64
			}
			w.left = w.size
			return checked("WAV", rate, channels, w)
		case name == "fmt " && size >= 16 && size <= 1<<12:
			body, err := chunk(r, size)
			if err != nil {
				return nil, err
			}
			rate, channels = int(binary.LittleEndian.Uint32(body[4:])), int(binary.LittleEndian.Uint16(body[2:]))
			if err := w.describe(body); err != nil {
				return nil, err
			}
		case name == "fmt ":
			return nil, fmt.Errorf("the WAV's fmt chunk has %d bytes; from 16 on make sense: get it again", size)
		case name == "ds64" && size >= 16 && size <= 1<<20:
			body, err := chunk(r, size)
			if err != nil {
				return nil, err
			}
			long = int64(min(binary.LittleEndian.Uint64(body[8:]), math.MaxInt64))
		default:
			if _, err := io.CopyN(io.Discard, r, int64(size)+int64(size%2)); err != nil {
				return nil, errCut
			}
		}
	}
}

// endlessFrom: programs that write to a pipe state sizes from here on, SoX and
// eSpeak 0x7ffff000 less a header, FFmpeg 0xffffffff.
const endlessFrom = 0x7fff0000

var errCut = errors.New("the WAV ends before its data begin: it is cut short, get it again")

func chunk(r io.Reader, size uint32) ([]byte, error) {
	body := make([]byte, size+size%2)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, errCut
	}
	return body, nil
}

// describe reads what samples are from a fmt chunk of 16 bytes or more.
func (w *wav) describe(body []byte) error {
	channels := int(binary.LittleEndian.Uint16(body[2:]))
	w.kind = binary.LittleEndian.Uint16(body)
	w.align = int(binary.LittleEndian.Uint16(body[12:]))
	bits := int(binary.LittleEndian.Uint16(body[14:]))
	if w.kind == extensible {
		if len(body) < 40 {
			return fmt.Errorf("the WAV's fmt chunk has %d bytes, and its extensible kind needs 40: get it again", len(body))
		}
		// The kind is the beginning of a GUID whose rest is that of all of them.
		if tail := string(body[26:40]); tail != "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71" {
			return fmt.Errorf("the WAV's samples are of kind %x, which is not read: save it as PCM", body[24:40])
		}
		w.kind = binary.LittleEndian.Uint16(body[24:])
	}
	w.bits = (bits + 7) / 8 * 8
	switch ok := w.bits >= 8 && w.bits <= 32; {
	case w.kind == pcm && ok, w.kind == float && (bits == 32 || bits == 64), (w.kind == aLaw || w.kind == muLaw) && bits == 8:
	case w.kind == pcm, w.kind == float, w.kind == aLaw, w.kind == muLaw:
		return fmt.Errorf("the WAV's samples have %d bits, which is not read: integers of 8 to 32, floats of 32 or 64, and A-law or mu-law of 8 are", bits)
	default:
		name := kindNames[w.kind]
		if name == "" {
			name = "unknown"
		}
		return fmt.Errorf("the WAV's samples are of kind %#x (%s), which is not read: save it as PCM", w.kind, name)
	}
	if want := channels * w.bits / 8; w.align != want || want == 0 {
		return fmt.Errorf("the WAV says that %d channels of %d bits take %d bytes, and it is %d: get it again", channels, bits, w.align, want)
	}
	return nil
}

func (w *wav) next() ([]float32, error) {
	if w.bytes == nil {
		const frames = 1 << 10
		w.bytes = make([]byte, frames*w.align)
		w.frames = make([]float32, frames*w.align*8/w.bits)
	}
	want := min(int64(len(w.bytes)), w.left/int64(w.align)*int64(w.align))
	if want == 0 {
		return nil, io.EOF
	}
	// What has come is passed on, so that live sound need not fill a block.
	if _, err := w.r.Peek(w.align); err == nil {
		want = min(want, int64(w.r.Buffered()/w.align*w.align))
	}
	n, err := io.ReadFull(w.r, w.bytes[:want])
	w.left -= int64(n)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		// What is left of a frame at the end of a stream is no frame.
		if n -= n % w.align; !w.endless {
			return nil, fmt.Errorf("it says that it has %d bytes of data, and ends after %d: it is cut short, get it again", w.size, w.size-w.left)
		}
		if n == 0 {
			return nil, io.EOF
		}
	case err != nil:
		return nil, err
	}
	out := w.frames[:n*8/w.bits]
	w.decode(out, w.bytes[:n])
	return out, nil
}

// decode brings samples to full scale from -1 to 1.
func (w *wav) decode(to []float32, b []byte) {
	le := binary.LittleEndian
	for i := range to {
		switch at := i * w.bits / 8; {
		case w.kind == aLaw:
			to[i] = fromALaw(b[at])
		case w.kind == muLaw:
			to[i] = fromMuLaw(b[at])
		case w.kind == float && w.bits == 32:
			to[i] = math.Float32frombits(le.Uint32(b[at:]))
		case w.kind == float:
			to[i] = float32(math.Float64frombits(le.Uint64(b[at:])))
		case w.bits == 8: // the one that has no sign
			to[i] = (float32(b[at]) - 128) / (1 << 7)
		case w.bits == 16:
			to[i] = float32(int16(le.Uint16(b[at:]))) / (1 << 15)
		case w.bits == 24:
			to[i] = float32(int32(le.Uint32([]byte{0, b[at], b[at+1], b[at+2]}))>>8) / (1 << 23)
		default:
			to[i] = float32(int32(le.Uint32(b[at:]))) / (1 << 31)
		}
	}
}

// fromALaw and fromMuLaw expand the logarithmic samples of telephones (ITU-T
// G.711) to 13 and 14 bits. A byte is sign, three bits of segment, four of step.
func fromALaw(b byte) float32 {
	b ^= 0x55
	v := int(b&0x0f)<<1 + 1
	if segment := b >> 4 & 7; segment > 0 {
		v = (v + 32) << (segment - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return float32(v) / (1 << 12)
}

func fromMuLaw(b byte) float32 {
	b = ^b
	v := (int(b&0x0f)<<1+33)<<(b>>4&7) - 33
	if b&0x80 != 0 {
		v = -v
	}
	return float32(v) / (1 << 13)
}
