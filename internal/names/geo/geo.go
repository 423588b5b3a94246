// Package geo has the country and the autonomous system of addresses, from files in
// MaxMind's format (GeoLite2 and the like) on this machine. It asks nobody.
package geo

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/oschwald/maxminddb-golang/v2"

	"ctop/internal/format"
)

// Place is what is known of an address. Empty values are not known.
type Place struct {
	// Country is a code of ISO 3166-1, as DE.
	Country string
	// AS is the number of the autonomous system, and Owner who runs it.
	AS    uint32
	Owner string
}

// record is what files have of a network, each as far as its kind goes.
type record struct {
	Country struct {
		Code string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	AS    uint32 `maxminddb:"autonomous_system_number"`
	Owner string `maxminddb:"autonomous_system_organization"`
}

// mostPlaces is how many addresses are remembered: to look one up takes microseconds, and a
// filter asks for every flow.
const mostPlaces = 1 << 16

// Atlas has files. It is safe for concurrent use.
type Atlas struct {
	files []*maxminddb.Reader

	mu     sync.RWMutex
	places map[netip.Addr]Place
}

// Add adds the content of a file. What files before it say of an address stays.
func (a *Atlas) Add(name string, content []byte) error {
	file, err := maxminddb.OpenBytes(content)
	if err != nil {
		return fmt.Errorf("%s: it is not a database of MaxMind's format (%w): use one like GeoLite2-Country.mmdb", name, err)
	}
	if !useful(file) {
		return fmt.Errorf("%s: it has neither countries nor autonomous systems in MaxMind's form (%s): use one like GeoLite2-Country.mmdb", name, format.Cut(format.Clean(file.Metadata.DatabaseType), longestOwner))
	}
	a.files = append(a.files, file)
	return nil
}

// triedNetworks is how many networks of a file are looked at for what it has.
const triedNetworks = 10_000

// useful reports whether a file has anything that a [Place] has.
func useful(file *maxminddb.Reader) bool {
	tried := 0
	for network := range file.Networks() {
		var r record
		if err := network.Decode(&r); err == nil && (r.Country.Code != "" || r.AS != 0) {
			return true
		}
		if tried++; tried == triedNetworks {
			break
		}
	}
	return false
}

// Of returns what is known of an address. nil knows nothing.
func (a *Atlas) Of(of netip.Addr) Place {
	if a == nil || !of.IsValid() {
		return Place{}
	}
	a.mu.RLock()
	place, ok := a.places[of]
	a.mu.RUnlock()
	if !ok {
		place = a.lookUp(of.Unmap().WithZone(""))
		a.remember(of, place)
	}
	return place
}

func (a *Atlas) remember(of netip.Addr, place Place) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.places == nil || len(a.places) >= mostPlaces {
		a.places = make(map[netip.Addr]Place)
	}
	a.places[of] = place
}

// longestOwner is the maximum length of an owner's name.
const longestOwner = 60

// lookUp asks the files. One that is broken there knows nothing.
func (a *Atlas) lookUp(of netip.Addr) (p Place) {
	for _, file := range a.files {
		var r record
		if err := file.Lookup(of).Decode(&r); err != nil {
			continue
		}
		if p.Country == "" {
			p.Country = format.Cut(format.Clean(r.Country.Code), len("??"))
		}
		if p.AS == 0 {
			p.AS, p.Owner = r.AS, format.Cut(format.Clean(r.Owner), longestOwner)
		}
	}
	return p
}

// own is the atlas of this process.
var own atomic.Pointer[Atlas]

// Use sets the atlas of this process.
func Use(a *Atlas) { own.Store(a) }

// Of returns what the atlas of this process knows of an address.
func Of(a netip.Addr) Place { return own.Load().Of(a) }
