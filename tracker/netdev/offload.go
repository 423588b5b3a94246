package netdev

import (
	"fmt"

	"github.com/safchain/ethtool"
)

// offload is an interface feature, named as in net/ethtool/common.c, and the
// state that tracking needs.
type offload struct {
	feature string
	on      bool
}

// offloads are the settings that are offloads.
var offloads = map[settingKind]offload{
	settingGRO:          {feature: "rx-gro", on: true},
	settingTxVLAN:       {feature: "tx-vlan-hw-insert"},
	settingTxServiceTag: {feature: "tx-vlan-stag-hw-insert"},
	settingRxVLAN:       {feature: "rx-vlan-hw-parse"},
	settingRxServiceTag: {feature: "rx-vlan-stag-hw-parse"},
	settingLRO:          {feature: "rx-lro"},
	settingHWGRO:        {feature: "rx-gro-hw"},
}

// withEthtool calls f with a socket for ethtool requests in the thread's
// network namespace.
func withEthtool(f func(e *ethtool.Ethtool) error) error {
	e, err := ethtool.NewEthtool()
	if err != nil {
		return fmt.Errorf("open a socket for ethtool: %w", err)
	}
	defer e.Close()
	return f(e)
}

// state reports whether the offload is in the state that tracking needs, and
// whether it can be changed. A feature that the interface lacks is off and
// fixed.
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

// set changes the offload to the needed state, or back. The request succeeds
// even if the driver ignores it, so set reads the state back.
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
