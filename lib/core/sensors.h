/* The table of sensors: what each of the six publishers and bridges has as its defaults (lib/sensors.def). */
#ifndef ROOMSTREAM_CORE_SENSORS_H
#define ROOMSTREAM_CORE_SENSORS_H

struct sensor {
    const char *name;    /* also its MQTT and Kafka topic */
    const char *unit;    /* RFC 8428 section 12.1, or the data set's own where SenML has none */
    const char *columns; /* COLUMN:NODE, comma-separated */
};

/* The sensor of that name, or NULL for "" (a program for any sensor). The name comes from CMake's list of
 * sensors; one that is missing in sensors.def fails the build (see the check in lib/CMakeLists.txt). */
const struct sensor *sensor_find(const char *name);

#endif
