// Package npz reads and writes NumPy's files: .npy, one array, and .npz, a zip
// archive of named arrays.
//
// Read are booleans, integers and floating-point numbers of 16, 32 and 64 bits
// in either byte order, in C or Fortran order, compressed or not; anything
// else, Python objects above all, is refused by name. The format is described
// at https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
//
// Input is not trusted. An array's size is compared with the archive and with
// [Limits] before memory is taken for it, and memory then grows only with the
// bytes that are really there.
package npz
