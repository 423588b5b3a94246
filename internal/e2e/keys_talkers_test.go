package e2e

func talkerChecks() map[string]func(d *desk, k string) {
	return map[string]func(d *desk, k string){
		"In the talkers: group by something else": func(d *desk, k string) {
			d.press("3")
			d.shows("by source")
			d.press(k)
			d.shows("by destination")
			d.press("B")
			d.shows("by source")
		},
		"In the talkers: the grouping before": func(d *desk, k string) {
			d.press("3", "b")
			d.shows("by destination")
			d.press(k)
			d.shows("by source")
		},
		"In the talkers: wider networks": func(d *desk, k string) {
			d.networks()
			d.press(k)
			d.shows("by source net /20 /56")
			d.press("-", "B", "B", "B", "B")
			d.shows("by source ")
		},
		"In the talkers: narrower networks": func(d *desk, k string) {
			d.networks()
			d.press(k)
			d.shows("by source net /28 /96")
			d.press("+", "B", "B", "B", "B")
			d.shows("by source ")
		},
	}
}

// networks groups the talkers by networks.
func (d *desk) networks() {
	d.t.Helper()
	d.press("3", "b", "b", "b", "b")
	d.shows("by source net /24 /64")
}
