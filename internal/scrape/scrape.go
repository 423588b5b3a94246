// Package scrape reads what ctop serve says of itself over HTTP: for tests and measurements.
package scrape

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
)

var sample = regexp.MustCompile(`(?m)^ctop_(\S+) (\S+)$`)

// Metrics returns the metrics served at an address, by their names without ctop_ and with
// their labels: none while nothing is served there.
func Metrics(address string) map[string]float64 {
	all := map[string]float64{}
	_, text, err := Page(address, "/metrics")
	if err != nil {
		return all
	}
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		all[m[1]], _ = strconv.ParseFloat(m[2], 64)
	}
	return all
}

// Page returns the status and the text of a page served at an address.
func Page(address, path string) (status int, text string, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + address + path)
	if err != nil {
		return 0, "", fmt.Errorf("read %s of %s: %w", path, address, err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, "", fmt.Errorf("read %s of %s: %w", path, address, err)
	}
	return res.StatusCode, string(b), nil
}
