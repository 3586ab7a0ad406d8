#include "sensors.h"

#include <string.h>

static const struct sensor sensors[] = {
#define SENSOR(name, unit, columns) {#name, unit, columns},
#include "sensors.def"
#undef SENSOR
};

const struct sensor *sensor_find(const char *name)
{
    for (size_t i = 0; i < sizeof sensors / sizeof *sensors; i++)
        if (strcmp(sensors[i].name, name) == 0)
            return &sensors[i];
    return NULL;
}

const struct sensor *sensor_at(size_t index)
{
    return index < sizeof sensors / sizeof *sensors ? &sensors[index] : NULL;
}
