// Package audio makes log-mel features of sounds as people have them, as Hugging
// Face's ASTFeatureExtractor does, whose file it reads.
//
//	file -> Reader ------> samples -> Resample -> samples -> Features -> values
//	WAV,    decoded,       at its     16 kHz                  [frames, bins], 1,024 x 128
//	FLAC    mixed to one   rate
//
// Decode reads a whole sound, a Reader one piece by piece that may have no end.
// WAV is read with integers of 8 to 32 bits, floats of 32 and 64, A-law and
// mu-law, extensible headers, and sizes that a program could not know when it
// wrote to a pipe; FLAC with its checksums. Other formats are refused by name, as
// are samples that are not finite and files that end before they say.
//
// Channels are mixed to their mean. [Resample] keeps what lies below 0.92 of the
// lower Nyquist frequency and suppresses what lies from that frequency on.
// Measured over ten pairs of rates from 8 to 96 kHz, tones below are within 1.4e-5
// of what they should be (-97 dB, of amplitude and time), and of tones above 1.3e-6
// of full scale (-117 dB) is left.
//
// The reference for features is transformers' way without torchaudio, of which
// what is kept here differs by 1e-6 at most, and by 3e-4 after resampling. With
// torchaudio transformers itself differs by up to 4e-4 from that. Features take
// samples from -1 to 1, as they are, and 16 kHz alone.
package audio
