module local/prometheus

go 1.26.0

tool (
	github.com/prometheus/prometheus/cmd/prometheus
	github.com/prometheus/prometheus/cmd/promtool
)

require github.com/prometheus/prometheus v0.315.0

// As in its own go.mod, which "go install" would refuse.
replace cloud.google.com/go => cloud.google.com/go v0.123.0
