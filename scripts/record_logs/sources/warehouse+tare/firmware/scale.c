#include <stdint.h>
#include <stddef.h>

struct scale {
    int32_t tare;
    uint16_t samples[8];
};

int32_t scale_read(const struct scale *scale)
{
    int32_t sum = 0, unused;
    for (size_t i = 0; i < 8; i++)
        sum += scale->samples[i];
    return sum / 8 - scale->tara;
}
