package output

import (
	"os"
	"testing"

	"ctop/internal/names"
)

// TestMain names one network and one of its hosts: the sample that has them has names in
// the data.
func TestMain(m *testing.M) {
	table, err := names.ParseTable("names", []byte("fd00::/64 lab\nfd00::2 box.lab.example\n"))
	if err != nil {
		panic(err)
	}
	names.Use(table)
	os.Exit(m.Run())
}
