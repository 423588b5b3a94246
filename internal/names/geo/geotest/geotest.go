// Package geotest makes small databases in MaxMind's format for tests.
package geotest

import (
	"bytes"
	"net"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// Countries returns a database of the countries of networks.
func Countries(of map[string]string) []byte {
	records := map[string]mmdbtype.DataType{}
	for net, code := range of {
		records[net] = mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}
	}
	return database("Test-Country", records)
}

// System is an autonomous system.
type System struct {
	Number uint32
	Owner  string
}

// Systems returns a database of the autonomous systems of networks.
func Systems(of map[string]System) []byte {
	records := map[string]mmdbtype.DataType{}
	for net, s := range of {
		records[net] = mmdbtype.Map{
			"autonomous_system_number": mmdbtype.Uint32(s.Number), "autonomous_system_organization": mmdbtype.String(s.Owner),
		}
	}
	return database("Test-ASN", records)
}

// Other returns a file of another kind, with neither.
func Other() []byte {
	return database("GeoIP2-Connection-Type", map[string]mmdbtype.DataType{"192.0.2.0/24": mmdbtype.Map{"connection_type": mmdbtype.String("Cable/DSL")}})
}

func database(kind string, records map[string]mmdbtype.DataType) []byte {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		panic(err)
	}
	for text, record := range records {
		_, net, err := net.ParseCIDR(text)
		if err != nil {
			panic(err)
		}
		if err := tree.Insert(net, record); err != nil {
			panic(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}
