package metrics

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// checkHost refuses requests for host names if the server listens on a loopback
// address. A web page in a browser on the same machine could otherwise point a
// name there (DNS rebinding) and read the metrics. Addresses and localhost
// cannot be redirected.
func checkHost(local bool, next http.Handler) http.Handler {
	if !local {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalName(r.Host) {
			http.Error(w, "use the address or localhost: metrics at a loopback address are served under no other name", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	_, err := netip.ParseAddr(host)
	return err == nil || strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// isLoopback reports whether a listener is reachable only from its own machine.
func isLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}
