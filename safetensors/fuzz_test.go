package safetensors

import (
	"bytes"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// FuzzRead opens any bytes. What is accepted must be coherent: tensors cover
// the data exactly, can be read, and survive being written again.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"testdata/every_type.safetensors", "testdata/exact.safetensors"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-1])
		f.Add(data[:len(data)/2])
	}
	f.Add(file(`{"w":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}`, 1, 2, 3, 4))
	f.Add(file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 1, 2, 3))
	f.Add(file(`{"w":{"dtype":"F4","shape":[2],"data_offsets":[0,1]},"w":{}}`, 1))

	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := openBytes(data)
		if err != nil {
			return
		}
		var total int64
		var again []Tensor
		for _, info := range file.Tensors() {
			stored, err := file.Bytes(info.Name)
			if err != nil {
				t.Fatal(err)
			}
			if int64(len(stored)) != info.Size || info.Size*8 != int64(info.Len())*int64(info.DType.Bits()) {
				t.Fatalf("%+v has %d bytes", info, len(stored))
			}
			total += info.Size
			if x, err := file.Float64(info.Name); err == nil && info.DType == F64 {
				again = append(again, New(info.Name, info.Shape, x))
			}
			// These may refuse the type or a value, but not fail otherwise.
			if x, err := file.Float32(info.Name); err == nil && len(x) != info.Len() {
				t.Fatalf("%+v gives %d float32", info, len(x))
			}
			if x, err := file.Int64(info.Name); err == nil && len(x) != info.Len() {
				t.Fatalf("%+v gives %d int64", info, len(x))
			}
		}
		if int64(len(data)) < total {
			t.Fatalf("%d bytes hold %d", len(data), total)
		}

		var b bytes.Buffer
		if err := Write(&b, again, file.Metadata()); err != nil {
			t.Fatal(err)
		}
		copied, err := openBytes(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(copied.Metadata(), file.Metadata()) {
			t.Fatalf("metadata %q became %q", file.Metadata(), copied.Metadata())
		}
		for _, tensor := range again {
			before, err := file.Bytes(tensor.name)
			if err != nil {
				t.Fatal(err)
			}
			after, err := copied.Bytes(tensor.name)
			if err != nil || !bytes.Equal(before, after) {
				t.Fatalf("%q: %v became %v (%v)", tensor.name, before, after, err)
			}
			if info, _ := copied.Info(tensor.name); !slices.Equal(info.Shape, tensor.shape) {
				t.Fatalf("%q: shape %v became %v", tensor.name, tensor.shape, info.Shape)
			}
		}
	})
}

// FuzzIndex parses any text as the index of a checkpoint: what is accepted
// stays inside the folder.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":320},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"sub/x.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../x"}}`))
	f.Add([]byte(`{"weight_map":{"a":"x","a":"y"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		shardOf, err := parseIndex(text)
		if err != nil {
			return
		}
		for tensor, shard := range shardOf {
			if path.IsAbs(shard) || !strings.HasPrefix(path.Join("folder", shard), "folder/") || strings.Contains(shard, `\`) {
				t.Fatalf("tensor %q leads to %q", tensor, shard)
			}
		}
	})
}
