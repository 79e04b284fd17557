package io.example.weather;

import static java.util.Comparator.comparing;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * Collects readings of weather stations and warns of storms.
 * Not safe for use by several threads.
 */
public final class StationBoard extends AbstractBoard<StationBoard.Reading> implements AutoCloseable {

    /** Readings kept for each station. */
    public static final int KEPT = 48, SHOWN = 5;

    private static final Duration STALE = Duration.ofHours(2);

    private final Map<String, Deque<Reading>> readings;
    private final List<Listener> listeners; // told in order
    protected volatile boolean closed;

    /** What a station measures. */
    public enum Quantity {
        PRESSURE("hPa") {
            @Override
            double tolerance() {
                return 0.5;
            }
        },
        WIND("m/s"),
        RAIN("mm");

        private final String unit;

        Quantity(String unit) {
            this.unit = unit;
        }

        double tolerance() {
            return 0.1;
        }
    }

    /** Is told of warnings. */
    @FunctionalInterface
    public interface Listener {
        int LIMIT = 16;

        void warned(String station, Warning warning) throws BoardException;

        default boolean wants(Warning warning) {
            return warning.level() > 1;
        }
    }

    public @interface Calibrated {
        String by() default "factory";
    }

    /** One measurement. */
    public record Reading(Instant at, Map<Quantity, Double> values) implements Comparable<Reading> {
        public Reading {
            values = new EnumMap<>(values);
        }

        @Override
        public int compareTo(Reading other) {
            return at.compareTo(other.at);
        }
    }

    public record Warning(int level, String text) {}

    public static class BoardException extends Exception {
        public BoardException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    public StationBoard(Map<String, Deque<Reading>> readings, List<Listener> listeners) {
        this.readings = readings;
        this.listeners = List.copyOf(listeners);
    }

    /**
     * Adds a reading and returns the warning it gives rise to.
     *
     * @param station name of the station
     * @return null where there is nothing to warn of
     */
    @Calibrated(by = "station")
    public Warning add(String station, Reading reading) throws BoardException {
        if (closed) {
            throw new BoardException("board is closed", null);
        }
        Deque<Reading> known = readings.computeIfAbsent(station, name -> new ArrayDeque<>());
        if (!known.isEmpty() && known.peekLast().compareTo(reading) >= 0) {
            throw new BoardException("reading of " + station + " is out of order", null);
        }
        known.addLast(reading);
        while (known.size() > KEPT) {
            known.removeFirst();
        }
        double now = reading.values().getOrDefault(Quantity.PRESSURE, Double.NaN);
        double before = Double.NaN;
        for (Reading earlier : known) {
            // Three hours is what forecasters compare pressure over.
            if (Duration.between(earlier.at(), reading.at()).toHours() <= 3) {
                before = earlier.values().getOrDefault(Quantity.PRESSURE, Double.NaN);
                break;
            }
        }
        double fall = before - now;
        double wind = reading.values().getOrDefault(Quantity.WIND, 0.0);
        int level = 0;
        if (fall > Quantity.PRESSURE.tolerance() * 6) {
            level++;
        }
        if (fall > Quantity.PRESSURE.tolerance() * 12) {
            level++;
        }
        if (wind > 17.2) {
            level++;
        }
        if (level == 0) {
            return null;
        }
        Warning warning = new Warning(level, String.format("%s: pressure fell by %.1f hPa", station, fall));
        for (Listener listener : listeners) {
            if (listener.wants(warning)) {
                listener.warned(station, warning);
            }
        }
        return warning;
    }

    <T extends Comparable<T>> List<String> ranked(ToDoubleFunction<Reading> value) {
        return readings.entrySet().stream()
                .filter(entry -> !entry.getValue().isEmpty())
                .sorted(comparing(entry -> value.applyAsDouble(entry.getValue().peekLast())))
                .map(Map.Entry::getKey)
                .limit(SHOWN)
                .collect(Collectors.toList());
    }

    @Override
    public void close() {
        closed = true;
        Runnable forget = new Runnable() {
            @Override
            public void run() {
                readings.clear();
            }
        };
        forget.run();
    }
}
