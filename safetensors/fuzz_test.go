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

// FuzzRead opens any bytes.
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
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := openBytes(data); err == nil {
			check(t, file, len(data))
		}
	})
}

// FuzzHeader opens files whose announced length is right, which a fuzzer
// seldom finds by itself.
func FuzzHeader(f *testing.F) {
	for _, header := range []string{
		`{"__metadata__":{"a":"b"},"w":{"dtype":"F64","shape":[1,1],"data_offsets":[0,8]}} `,
		`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[2,8]}}`,
		`{"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},"b":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}}`,
		`{"w":{"dtype":"F4","shape":[2,0],"data_offsets":[0,0]},"w":{}}`,
		`{"w":{"dtype":"F16","shape":[4],"data_offsets":[0,8],"x":[{}]}}`,
	} {
		f.Add([]byte(header), []byte{1, 2, 3, 4, 5, 6, 7, 8})
	}
	f.Fuzz(func(t *testing.T, header, data []byte) {
		whole := file(string(header), data...)
		if file, err := openBytes(whole); err == nil {
			check(t, file, len(whole))
		}
	})
}

// check fails when a file that was accepted contradicts itself: tensors fit in
// its size, can be read, and survive being written again.
func check(t *testing.T, file *File, size int) {
	t.Helper()
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
	if int64(size) < total {
		t.Fatalf("%d bytes hold %d", size, total)
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
