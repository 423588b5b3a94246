package names

import "strings"

// services are the ports that operators know by name (IANA's registry, or the
// usual service if another is more common).
var services = map[uint16]string{
	20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 37: "time", 43: "whois", 49: "tacacs",
	53: "domain", 67: "bootps", 68: "bootpc", 69: "tftp", 79: "finger", 80: "http", 88: "kerberos",
	110: "pop3", 111: "sunrpc", 113: "ident", 119: "nntp", 123: "ntp", 135: "epmap", 137: "netbios-ns",
	138: "netbios-dgm", 139: "netbios-ssn", 143: "imap", 161: "snmp", 162: "snmptrap", 179: "bgp",
	194: "irc", 389: "ldap", 443: "https", 445: "microsoft-ds", 464: "kpasswd", 465: "submissions",
	500: "isakmp", 514: "syslog", 515: "printer", 520: "rip", 546: "dhcpv6-client", 547: "dhcpv6-server",
	554: "rtsp", 587: "submission", 631: "ipp", 636: "ldaps", 646: "ldp", 853: "domain-s", 873: "rsync",
	989: "ftps-data", 990: "ftps", 993: "imaps", 995: "pop3s", 1080: "socks", 1194: "openvpn",
	1433: "ms-sql-s", 1521: "oracle", 1701: "l2tp", 1723: "pptp", 1812: "radius", 1813: "radius-acct",
	1883: "mqtt", 1900: "ssdp", 2049: "nfs", 2181: "zookeeper", 2375: "docker", 2379: "etcd-client",
	2380: "etcd-server", 3128: "squid", 3260: "iscsi", 3268: "gc-ldap", 3306: "mysql", 3389: "rdp",
	3478: "stun", 3784: "bfd", 4317: "otlp-grpc", 4318: "otlp-http", 4500: "ipsec-nat-t", 4789: "vxlan",
	5060: "sip", 5061: "sips", 5201: "iperf3", 5222: "xmpp-client", 5269: "xmpp-server", 5353: "mdns",
	5355: "llmnr", 5432: "postgresql", 5671: "amqps", 5672: "amqp", 5900: "vnc", 5985: "winrm",
	6081: "geneve", 6379: "redis", 6443: "kube-api", 6514: "syslog-tls", 8080: "http-alt", 8443: "https-alt",
	8883: "mqtts", 9000: "minio", 9090: "prometheus", 9092: "kafka", 9100: "node-exporter", 9200: "elasticsearch",
	10050: "zabbix-agent", 10250: "kubelet", 11211: "memcached", 27017: "mongodb", 51820: "wireguard",
}

// PortNamed returns the port with the given name.
func PortNamed(name string) (port uint16, ok bool) {
	for port, known := range services {
		if strings.EqualFold(known, name) {
			return port, true
		}
	}
	return 0, false
}
