package audio

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
)

// fuzzDecode holds that any bytes are a sound of finite samples or an error, and
// that it does not matter in which pieces it is read. Seeds are short, as the
// fuzzer takes minutes to shorten long ones.
func fuzzDecode(t *testing.T, data []byte) {
	s, err := Decode(bytes.NewReader(data))
	if err != nil {
		return
	}
	if len(s.Samples) == 0 || s.Rate < minRate || s.Rate > maxRate {
		t.Fatalf("%d samples at %d Hz", len(s.Samples), s.Rate)
	}
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var piece [7]float32
	for at := 0; ; {
		n, err := r.Read(piece[:])
		for _, v := range piece[:n] {
			if v-v != 0 || at >= len(s.Samples) || v != s.Samples[at] {
				t.Fatalf("sample %d of %d is %v", at, len(s.Samples), v)
			}
			at++
		}
		if err == io.EOF && at == len(s.Samples) {
			return
		}
		if err != nil {
			t.Fatalf("after %d of %d samples: %v", at, len(s.Samples), err)
		}
	}
}

func FuzzWAV(f *testing.F) {
	list := append([]byte("LIST\x03\x00\x00\x00abc\x00"), read(f, "quiet-32.wav")[12:60]...) // extensible
	f.Add(append(append([]byte("RIFF\x00\x00\x00\x00WAVE"), list...), "data\x04\x00\x00\x001234"...))
	f.Add(wavOf(pcm, 1, 8, 8000, 40, 4, []byte{1, 2, 3, 4}))
	f.Add(wavOf(aLaw, 1, 8, 8000, 40, 4, []byte{1, 2, 3, 4}))
	f.Add(wavOf(muLaw, 2, 8, 8000, 0, 0, []byte{1, 2, 3, 4}))
	f.Add(wavOf(float, 1, 64, 8000, 44, 8, make([]byte, 8)))
	f.Add(wavOf(pcm, 3, 20, 8000, 45, 9, make([]byte, 9)))
	f.Fuzz(fuzzDecode)
}

func FuzzFLAC(f *testing.F) {
	f.Add(read(f, "few.flac"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4 {
			copy(data, "fLaC")
		}
		fuzzDecode(t, data)
	})
}

// FuzzFLACFrame changes what lies between a frame's checksums and makes these
// right, so that what decodes it is reached.
func FuzzFLACFrame(f *testing.F) {
	file := read(f, "few.flac")
	frame := bytes.Index(file, []byte{0xff, 0xf8})
	header := frame + 7 // sync, sizes, number, 16 bits of block size in the end and its checksum
	for crc8(file[frame:header]) != file[header] {
		header++
	}
	f.Add(file[header+1 : len(file)-2])
	f.Fuzz(func(t *testing.T, body []byte) {
		data := append(bytes.Clone(file[:header+1]), body...)
		fuzzDecode(t, binary.BigEndian.AppendUint16(data, crc16(data[frame:])))
	})
}

// crc8 has the polynomial x^8 + x^2 + x + 1, crc16 x^16 + x^15 + x^2 + 1 (RFC 9639,
// 9.1.8 and 9.3).
func crc8(data []byte) (crc uint8) {
	for _, b := range data {
		crc ^= b
		for range 8 {
			crc = crc<<1 ^ 0x07*(crc>>7)
		}
	}
	return crc
}

func crc16(data []byte) (crc uint16) {
	for _, b := range data {
		crc ^= uint16(b) << 8
		for range 8 {
			crc = crc<<1 ^ 0x8005*(crc>>15)
		}
	}
	return crc
}

func FuzzParse(f *testing.F) {
	for _, text := range loadGolden(f).Extractors {
		f.Add([]byte(text))
	}
	samples := sine(440, 16000, 1000)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Parse(data)
		if err != nil {
			return
		}
		values, err := e.Features(samples)
		if frames, bins := e.Shape(); err == nil && len(values) != frames*bins {
			t.Fatalf("%d values of %d x %d", len(values), frames, bins)
		}
	})
}
