package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripartite-go/tripartite/internal/preprocessor"
)

// wavOf is a WAV with the sizes that its header is to state.
func wavOf(kind, channels, bits, rate int, riffSize, dataSize uint32, data []byte) []byte {
	le := binary.LittleEndian
	out := le.AppendUint32([]byte("RIFF"), riffSize)
	out = le.AppendUint32(append(out, "WAVEfmt "...), 16)
	out = le.AppendUint16(le.AppendUint16(out, uint16(kind)), uint16(channels))
	out = le.AppendUint32(le.AppendUint32(out, uint32(rate)), uint32(rate*channels*bits/8))
	out = le.AppendUint16(le.AppendUint16(out, uint16(channels*bits/8)), uint16(bits))
	out = le.AppendUint32(append(out, "data"...), dataSize)
	return append(out, data...)
}

func floats(values ...float32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func TestBadSoundsAreRefusedByName(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	some := make([]byte, 64)
	flac := read(t, "speech.flac")
	broken := bytes.Clone(flac)
	broken[len(broken)/2] ^= 0x40
	tone := read(t, "tone.wav")
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":                  {nil, "empty"},
		"a text":                   {[]byte("hello, I am a sound"), "WAV and FLAC are read"},
		"MP3":                      {[]byte("ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00"), "an MP3"},
		"Ogg":                      {[]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00"), "an Ogg"},
		"AIFF":                     {[]byte("FORM\x00\x00\x00\x00AIFF"), "an AIFF"},
		"M4A":                      {[]byte("\x00\x00\x00\x20ftypM4A "), "an MP4"},
		"big-endian WAV":           {[]byte("RIFX\x00\x00\x00\x00WAVE"), "RIFX"},
		"no samples":               {wavOf(pcm, 1, 16, 16000, 36, 0, nil), "holds no samples"},
		"no samples of a stream":   {wavOf(pcm, 1, 16, 16000, 0, 0, nil), "holds no samples"},
		"less than a sample":       {wavOf(pcm, 1, 16, 16000, 37, 1, []byte{1}), "holds no samples"},
		"2 GB that are 64 bytes":   {wavOf(pcm, 1, 16, 16000, 2e9+36, 2e9, some), "says that it has 2000000000 bytes of data, and ends after 64"},
		"half a WAV":               {tone[:len(tone)/2], "ends after"},
		"half a header":            {tone[:30], "cut short"},
		"a chunk that lies":        {[]byte("RIFF\x00\x00\x00\x00WAVELIST\xff\xff\xff\xff1234"), "cut short"},
		"fmt that lies":            {[]byte("RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff1234"), "fmt chunk has 4294967295 bytes"},
		"data first":               {[]byte("RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x001234"), "no fmt chunk"},
		"rate 0":                   {wavOf(pcm, 1, 16, 0, 100, 64, some), "0 samples a second"},
		"rate 1e9":                 {wavOf(pcm, 1, 16, 1e9, 100, 64, some), "1000000000 samples a second"},
		"1,000 channels":           {wavOf(pcm, 1000, 16, 16000, 100, 64, some), "1000 channels"},
		"no channels":              {wavOf(pcm, 0, 16, 16000, 100, 64, some), "0 channels"},
		"no bits":                  {wavOf(pcm, 1, 0, 16000, 100, 64, some), "have 0 bits"},
		"64-bit integers":          {wavOf(pcm, 1, 64, 16000, 100, 64, some), "have 64 bits"},
		"16-bit floats":            {wavOf(float, 1, 16, 16000, 100, 64, some), "have 16 bits"},
		"ADPCM":                    {wavOf(2, 1, 8, 16000, 100, 64, some), "Microsoft ADPCM"},
		"MP3 in WAV":               {wavOf(0x55, 1, 8, 16000, 100, 64, some), "0x55 (MP3)"},
		"unknown kind":             {wavOf(0x1234, 1, 8, 16000, 100, 64, some), "0x1234 (unknown)"},
		"extensible, in 16 bytes":  {wavOf(extensible, 1, 16, 16000, 100, 64, some), "needs 40"},
		"not a number":             {wavOf(float, 1, 32, 16000, 44, 8, floats(0, nan)), "sample 1 (0.000 s) of channel 1 is NaN"},
		"infinite":                 {wavOf(float, 2, 32, 16000, 44, 8, floats(0, inf)), "sample 0 (0.000 s) of channel 2 is -Inf"},
		"half a FLAC":              {flac[:len(flac)/2], "ends too early"},
		"a FLAC without its end":   {flac[:42+bytes.Index(flac[42:], []byte{0xff, 0xf8})], "and ends after 0"},
		"a FLAC's beginning":       {flac[:20], "ends too early"},
		"a FLAC with a wrong bit":  {broken, "it is damaged"},
		"a FLAC that is a picture": {[]byte("fLaC\x86\xff\xff\xff12345678"), "the FLAC"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, err := Decode(bytes.NewReader(c.data))
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: sound %v, error %v, want one with %q", name, s != nil, err, c.want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
	}
}

// Programs that write to a pipe do not know how much it will be.
func TestStreamsOfUnknownLengthAreRead(t *testing.T) {
	data := []byte{0, 64, 0, 128, 0, 32, 9} // three samples and half of one
	for name, sizes := range map[string][2]uint32{
		"zero": {0, 0}, "FFmpeg": {noSize, noSize}, "eSpeak": {0x7ffff024, 0x7ffff000}, "zero of all": {noSize, 0},
	} {
		s, err := Decode(bytes.NewReader(wavOf(pcm, 1, 16, 16000, sizes[0], sizes[1], data)))
		if err != nil || len(s.Samples) != 3 || s.Samples[0] != 0.5 || s.Samples[1] != -1 || s.Samples[2] != 0.25 {
			t.Errorf("%s: %+v, error %v", name, s, err)
		}
	}
}

func TestLongFilesStateTheirSizeApart(t *testing.T) {
	file := wavOf(pcm, 1, 16, 16000, noSize, noSize, []byte{0, 64, 0, 128, 'L', 'I', 'S', 'T'})
	file = append([]byte("RF64\xff\xff\xff\xffWAVEds64\x1c\x00\x00\x00"+strings.Repeat("\x00", 8)+"\x04"+strings.Repeat("\x00", 19)), file[12:]...)
	if s, err := Decode(bytes.NewReader(file)); err != nil || len(s.Samples) != 2 {
		t.Errorf("%+v, error %v", s, err)
	}
}

// The ends and the middle of the tables of ITU-T G.711.
func TestTelephoneSamplesAreExpanded(t *testing.T) {
	for b, want := range map[byte]float32{0xd5: 1, 0x55: -1, 0xaa: 4032, 0x2a: -4032, 0x80: 688, 0xc5: 33} {
		if got := fromALaw(b) * (1 << 12); got != want {
			t.Errorf("A-law %#x is %v, want %v", b, got, want)
		}
	}
	for b, want := range map[byte]float32{0xff: 0, 0x7f: 0, 0x80: 8031, 0x00: -8031, 0xfe: 2, 0xef: 33} {
		if got := fromMuLaw(b) * (1 << 13); got != want {
			t.Errorf("mu-law %#x is %v, want %v", b, got, want)
		}
	}
	s, err := Decode(bytes.NewReader(wavOf(muLaw, 1, 8, 8000, 40, 2, []byte{0xff, 0x80})))
	if err != nil || len(s.Samples) != 2 || s.Samples[1] != 8031.0/8192 {
		t.Errorf("%+v, error %v", s, err)
	}
}

func TestChannelsAreMixedToTheirMean(t *testing.T) {
	s, err := Decode(bytes.NewReader(wavOf(float, 3, 32, 16000, 60, 24, floats(0.5, 0.25, 0, -1, 1, 0.75))))
	if err != nil || len(s.Samples) != 2 || s.Samples[0] != 0.25 || s.Samples[1] != 0.25 {
		t.Errorf("%+v, error %v", s, err)
	}
}

// pipe gives a WAV's header and then zeros without end.
type pipe struct{ head []byte }

func (p *pipe) Read(b []byte) (int, error) {
	n := copy(b, p.head)
	p.head = p.head[n:]
	clear(b[n:])
	return len(b), nil
}

func TestSoundWithoutEndIsReadPieceByPiece(t *testing.T) {
	r, err := NewReader(&pipe{wavOf(pcm, 2, 16, 16000, noSize, noSize, nil)})
	if err != nil {
		t.Fatal(err)
	}
	block := make([]float32, 999)
	if n := testing.AllocsPerRun(100, func() {
		if n, err := r.Read(block); n != len(block) || err != nil {
			t.Fatalf("%d samples, error %v", n, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a block", n)
	}
	// An extractor stops by itself.
	e, _ := Parse([]byte(`{"feature_extractor_type": "ASTFeatureExtractor"}`))
	if _, err := e.Read(&pipe{wavOf(pcm, 2, 16, 44100, noSize, noSize, nil)}); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfTheFileAreNotTheEnd(t *testing.T) {
	broken := errors.New("the disk is broken")
	head := wavOf(pcm, 1, 16, 16000, noSize, noSize, make([]byte, 100))
	_, err := Decode(io.MultiReader(bytes.NewReader(head), errReader{broken}))
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestSilenceIsTheFloorOfTheLogarithm(t *testing.T) {
	e, err := Parse([]byte(`{"feature_extractor_type": "ASTFeatureExtractor", "do_normalize": false, "max_length": 3}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, constant := range []float32{0, 0.5} { // a constant is no sound either
		samples := make([]float32, 560) // two frames
		for i := range samples {
			samples[i] = constant
		}
		values, err := e.Features(samples)
		if err != nil {
			t.Fatal(err)
		}
		floor := float32(math.Log(0x1p-23))
		for i, v := range values {
			if want := []float32{floor, floor, 0}[i/128]; v != want {
				t.Fatalf("value %d of silence at %v is %v, want %v", i, constant, v, want)
			}
		}
	}
	if _, err := e.Features(make([]float32, 399)); err == nil || !strings.Contains(err.Error(), "less than the 400 of one frame") {
		t.Errorf("399 samples: %v", err)
	}
	if _, err := e.Features([]float32{200: float32(math.NaN()), 500: 1}); err == nil {
		t.Error("NaN is taken")
	}
}

func TestBadExtractorsAreRefusedByName(t *testing.T) {
	const ast = `{"feature_extractor_type": "ASTFeatureExtractor", `
	for text, want := range map[string]string{
		`{`:  "get the file again",
		`{}`: "names no extractor",
		`{"feature_extractor_type": "WhisperFeatureExtractor"}`: `"WhisperFeatureExtractor" is not done here`,
		ast + `"sampling_rate": 8000}`:                          `"sampling_rate" is 8000`,
		ast + `"num_mel_bins": 0}`:                              `"num_mel_bins" is 0`,
		ast + `"num_mel_bins": 100000}`:                         `"num_mel_bins" is 100000`,
		ast + `"max_length": 1000000000}`:                       `"max_length" is 1000000000`,
		ast + `"std": 0}`:                                       `"std" is 0`,
		ast + `"mean": 1e300}`:                                  `"mean" is 1e+300`,
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
	if _, err := Load(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "no preprocessor_config.json") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Load(fstest.MapFS{preprocessor.File: {Data: []byte(ast + `"return_attention_mask": false}`)}}); err != nil {
		t.Error(err)
	}
}
