package stream

import (
	"math"
	"strconv"
)

// line appends what there is to say about the last token as one line of JSON:
//
//	{"position":6,"id":17,"token":"Ġlight","text":" light","log_probability":-2.1,"bits_per_byte":1.9,"log_calcium":[4.1,3.9]}
//
// Position counts from 0. Token is as the vocabulary spells it, and text what it adds
// to the text; a byte of a character that takes several has none. The log probability is that which the model gave to the
// token before it came. Bits per byte are all of them up to the last whole piece,
// over all bytes. The logarithm of calcium is the mean of a layer's heads. What
// there is none of is left out; what is not finite is null. Nothing is allocated,
// which encoding/json would do for every token.
func (s *Stream) line(dst []byte, id int, log float64) []byte {
	dst = append(dst, `{"position":`...)
	dst = strconv.AppendInt(dst, int64(s.at.Tokens-1), 10)
	dst = append(dst, `,"id":`...)
	dst = strconv.AppendInt(dst, int64(id), 10)
	if s.cfg.Token != nil {
		dst = append(dst, `,"token":`...)
		dst = appendString(dst, s.cfg.Token(id))
	}
	if s.cfg.Text != nil {
		if text := s.cfg.Text(id); text != "" {
			dst = append(dst, `,"text":`...)
			dst = appendString(dst, text)
		}
	}
	if s.at.Tokens > 1 && s.cfg.Model.HasLogits() {
		dst = append(dst, `,"log_probability":`...)
		dst = appendNumber(dst, log)
	}
	if s.at.BitsPerByte != 0 {
		dst = append(dst, `,"bits_per_byte":`...)
		dst = appendNumber(dst, s.at.BitsPerByte)
	}
	dst = append(dst, `,"log_calcium":[`...)
	for l, c := range s.layers {
		if l > 0 {
			dst = append(dst, ',')
		}
		dst = appendNumber(dst, c)
	}
	return append(dst, "]}\n"...)
}

// appendNumber appends a number with the digits that float32 has.
func appendNumber(dst []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, x, 'g', 7, 64)
}

// appendString appends a string of valid UTF-8.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
