// Package config reads settings from flags and the environment.
package config

import (
	"flag"
	"fmt"
	"os"
	"strconv"
)

// Config holds every setting of the server.
type Config struct {
	Address   string
	DataDir   string
	PerSecond float64
}

// Load reads flags; an environment variable gives the default of its flag.
func Load(arguments []string) (Config, error) {
	flags := flag.NewFlagSet("emberd", flag.ContinueOnError)
	var config Config
	flags.StringVar(&config.Address, "address", fallback("EMBER_ADDRESS", "127.0.0.1:7070"), "where to listen")
	flags.StringVar(&config.DataDir, "data", fallback("EMBER_DATA", "ember-data"), "folder of the data")
	rate, err := strconv.ParseFloat(fallback("EMBER_RATE", "1000"), 64)
	if err != nil {
		return Config{}, fmt.Errorf("EMBER_RATE: %w", err)
	}
	flags.Float64Var(&config.PerSecond, "rate", rate, "requests a second")
	return config, flags.Parse(arguments)
}

func fallback(name, value string) string {
	if found, ok := os.LookupEnv(name); ok {
		return found
	}
	return value
}
