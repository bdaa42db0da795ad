package image

import "image"

// JPEG and WebP keep colour at half the resolution of brightness, and the
// programs that everybody decodes with, libjpeg and libwebp, interpolate it
// ("fancy upsampling"), each in its own whole numbers. Go's color conversion
// repeats it instead, which differs by up to 145 levels on the pictures of testdata, and
// takes WebP for full range. So only the planes are Go's.

// fromJPEG interpolates as libjpeg-turbo does and converts as JFIF says.
func (p *Picture) fromJPEG(m *image.YCbCr) {
	cb, cr := make([]uint8, p.Width+1), make([]uint8, p.Width+1)
	var sums []int
	for y := range p.Height {
		sums = upsampleJPEG(cb, m, m.Cb, y, sums)
		sums = upsampleJPEG(cr, m, m.Cr, y, sums)
		to, luma := p.row(y), m.Y[y*m.YStride:]
		for x := range p.Width {
			const half = 1 << 15
			l, b, r := int(luma[x]), int(cb[x])-128, int(cr[x])-128
			to[3*x] = clamp(l + (91881*r+half)>>16)            // 1.402
			to[3*x+1] = clamp(l + (-22554*b-46802*r+half)>>16) // 0.344136, 0.714136
			to[3*x+2] = clamp(l + (116130*b+half)>>16)         // 1.772
		}
	}
}

// ratio returns how many pixels of brightness share one of colour.
func ratio(m *image.YCbCr) (across, down int) {
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}

// upsampleJPEG writes row y of a plane of colour at full width. The nearer of two
// samples weighs 3/4; halves are rounded up and down in turn. One or two columns
// and ratios other than 2 are repeated. Sums is room that is returned for the
// next row.
func upsampleJPEG(to []uint8, m *image.YCbCr, plane []uint8, y int, sums []int) []int {
	across, down := ratio(m)
	w := m.Rect.Dx()
	cw, ch := (w+across-1)/across, (m.Rect.Dy()+down-1)/down
	at := func(row int) []uint8 { return plane[max(0, min(row, ch-1))*m.CStride:][:cw] }
	near, far := at(y/down), at(y/down-1+2*(y%down))
	switch {
	case across == 1 && down == 1:
		copy(to, near)
	case across == 1 && down == 2:
		for x := range near {
			to[x] = uint8((3*int(near[x]) + int(far[x]) + 1 + y%2) >> 2)
		}
	case across == 2 && cw > 2:
		sums = append(sums[:0], make([]int, cw)...)
		shift, even, odd := 2, 1, 2
		for x, v := range near {
			sums[x] = int(v)
		}
		if down == 2 {
			shift, even, odd = 4, 8, 7
			for x, v := range far {
				sums[x] = 3*sums[x] + int(v)
			}
		}
		for x, s := range sums {
			left, right := sums[max(0, x-1)], sums[min(x+1, cw-1)]
			to[2*x] = uint8((3*s + left + even) >> shift)
			to[2*x+1] = uint8((3*s + right + odd) >> shift)
		}
	default:
		for x := range w {
			to[x] = near[x/across]
		}
	}
	return sums
}

// fromVP8 interpolates and converts as libwebp does: ITU-R BT.601 with
// brightness from 16 to 235.
func (p *Picture) fromVP8(m *image.YCbCr) {
	cb, cr := make([]uint8, p.Width), make([]uint8, p.Width)
	for y := range p.Height {
		upsampleVP8(cb, m, m.Cb, y)
		upsampleVP8(cr, m, m.Cr, y)
		to, luma := p.row(y), m.Y[y*m.YStride:]
		for x := range p.Width {
			l, b, r := 19077*int(luma[x])>>8, int(cb[x]), int(cr[x]) // 19077 / 2^14 = 255 / 219
			to[3*x] = clamp((l + 26149*r>>8 - 14234) >> 6)
			to[3*x+1] = clamp((l - 6419*b>>8 - 13320*r>>8 + 8708) >> 6)
			to[3*x+2] = clamp((l + 33050*b>>8 - 17685) >> 6)
		}
	}
}

// upsampleVP8 writes row y of a plane of colour at full width: 9/16 of the
// nearest sample, 3/16 of the one beside it and of the one above or below, 1/16
// of the one across, rounded as libwebp does.
func upsampleVP8(to []uint8, m *image.YCbCr, plane []uint8, y int) {
	cw, ch := (m.Rect.Dx()+1)/2, (m.Rect.Dy()+1)/2
	at := func(row int) []uint8 { return plane[max(0, min(row, ch-1))*m.CStride:][:cw] }
	near, far := at(y/2), at(y/2-1+2*(y%2))
	for x := range to {
		i, j := x/2, x/2-1+2*(x%2)
		n, f := int(near[i]), int(far[i])
		if j < 0 || j >= cw {
			to[x] = uint8((3*n + f + 2) >> 2)
			continue
		}
		beside, across := int(near[j]), int(far[j])
		to[x] = uint8((n + (n+3*beside+3*f+across+8)>>3) >> 1)
	}
}
