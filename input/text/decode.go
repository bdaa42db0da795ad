package text

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoders run one after another.
type decoders []decoder

func (s decoders) decode(tokens []string) []string {
	for _, d := range s {
		tokens = d.decode(tokens)
	}
	return tokens
}

// fuse joins all tokens to one.
type fuse struct{}

func (fuse) decode(tokens []string) []string { return []string{strings.Join(tokens, "")} }

// byteFallback makes text of tokens that are spelled <0x00> to <0xFF>, and
// U+FFFD of each in a run of them that is no UTF-8.
type byteFallback struct{}

func (byteFallback) decode(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		if utf8.Valid(run) {
			if len(run) > 0 {
				out = append(out, string(run))
			}
		} else {
			for range run {
				out = append(out, "\uFFFD")
			}
		}
		run = run[:0]
	}
	for _, s := range tokens {
		if b, ok := byteToken(s); ok {
			run = append(run, b)
			continue
		}
		flush()
		out = append(out, s)
	}
	flush()
	return out
}

// byteToken is the byte that <0x00> to <0xFF> spell.
func byteToken(s string) (byte, bool) {
	if len(s) != 6 || s[:3] != "<0x" || s[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(s[3:5], 16, 8)
	return byte(b), err == nil
}

// buildDecoder reads the decoder of a tokenizer.json.
func buildDecoder(data json.RawMessage) (decoder, error) {
	return buildDecoderAt(data, 0)
}

func buildDecoderAt(data json.RawMessage, depth int) (decoder, error) {
	if absent(data) {
		return nil, nil
	}
	kind, err := kindOf(data)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "WordPiece":
		return buildWordPieceDecoder(data)
	case "ByteLevel":
		return byteLevelDecoder{}, nil
	case "Metaspace":
		return buildMetaspace(data)
	case "Replace":
		return buildReplace(data)
	case "ByteFallback":
		return byteFallback{}, nil
	case "Fuse":
		return fuse{}, nil
	case "Strip":
		var s stripDecoder
		if err := unmarshal(data, &s); err != nil {
			return nil, err
		}
		if utf8.RuneCountInString(s.Content) != 1 || s.Start < 0 || s.Stop < 0 {
			return nil, fmt.Errorf("type \"Strip\": content %q, start %d, stop %d; content is one character, the others are counts", s.Content, s.Start, s.Stop)
		}
		return s, nil
	case "Sequence":
		var s struct{ Decoders []json.RawMessage }
		if err := unmarshal(data, &s); err != nil {
			return nil, err
		}
		steps, err := buildSteps(s.Decoders, depth, buildDecoderAt)
		return decoders(steps), err
	}
	return nil, unsupported(kind, "WordPiece, ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip, Sequence")
}
