package npz

import "fmt"

// Limits bound what reading may cost. A field that is 0 takes its default.
type Limits struct {
	Array int64 // bytes of one array, default 4 GiB
	Total int64 // bytes of all arrays read from one archive, default 16 GiB
	Ratio int64 // expansion of a compressed array larger than 64 MiB, default 100
}

// ratioFloor is the size in bytes up to which an array may be compressed to
// any ratio: it is cheap, and masks of zeros compress a thousandfold.
const ratioFloor = 64 << 20

func (l Limits) withDefaults() Limits {
	set := func(field *int64, value int64) {
		if *field == 0 {
			*field = value
		}
	}
	set(&l.Array, 4<<30)
	set(&l.Total, 16<<30)
	set(&l.Ratio, 100)
	return l
}

// checkArray returns an error for an array of more bytes than one may have.
func (l Limits) checkArray(bytes int64) error {
	if bytes > l.Array {
		return fmt.Errorf("it takes %d bytes, more than the %d that are read; split it or store a narrower type", bytes, l.Array)
	}
	return nil
}

// checkRatio returns an error for compressed bytes that expand too far.
func (l Limits) checkRatio(compressed, expanded int64) error {
	if expanded > ratioFloor && expanded/l.Ratio > compressed {
		return fmt.Errorf("%d bytes expand to %d, as in a zip bomb; if the data are meant, save them uncompressed with np.savez", compressed, expanded)
	}
	return nil
}
