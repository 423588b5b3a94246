package netdev

import (
	"fmt"

	"github.com/safchain/ethtool"
)

// offload is a feature of an interface, by the name that the kernel has for it
// (net/ethtool/common.c), and whether tracking needs it on or off.
type offload struct {
	feature string
	on      bool
}

// offloads are the changes that concern one.
var offloads = map[settingKind]offload{
	settingGRO:    {feature: "rx-gro", on: true},
	settingTxVLAN: {feature: "tx-vlan-hw-insert"},
	settingRxVLAN: {feature: "rx-vlan-hw-parse"},
	settingLRO:    {feature: "rx-lro"},
	settingHWGRO:  {feature: "rx-gro-hw"},
}

// withEthtool runs f with a socket for ethtool requests in the network namespace
// of the thread.
func withEthtool(f func(e *ethtool.Ethtool) error) error {
	e, err := ethtool.NewEthtool()
	if err != nil {
		return fmt.Errorf("open a socket for ethtool: %w", err)
	}
	defer e.Close()
	return f(e)
}

// state reports whether an interface has the offload as tracking needs it, and
// whether that can be changed. What an interface does not have is off for good.
func (o offload) state(iface string) (is, changeable bool, err error) {
	err = withEthtool(func(e *ethtool.Ethtool) error {
		states, err := e.FeaturesWithState(iface)
		if err != nil {
			return fmt.Errorf("read the offloads of %s: %w", iface, err)
		}
		s := states[o.feature]
		is, changeable = s.Active == o.on, s.Available && !s.NeverChanged
		return nil
	})
	return is, changeable, err
}

// set changes the offload to what tracking needs, or back. The request succeeds
// even if the driver keeps the offload as it is, so set looks at the outcome.
func (o offload) set(iface string, needed bool) error {
	err := withEthtool(func(e *ethtool.Ethtool) error {
		return e.Change(iface, map[string]bool{o.feature: o.on == needed})
	})
	if err != nil {
		return fmt.Errorf("change %s of %s: %w", o.feature, iface, err)
	}
	is, _, err := o.state(iface)
	if err == nil && is != needed {
		err = fmt.Errorf("change %s of %s: the driver did not change it", o.feature, iface)
	}
	return err
}
