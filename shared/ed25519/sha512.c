// SHA-512 (FIPS 180-4) in little code: no loop is unrolled, as the two blocks that a signature
// hashes are 6 % of its work. The working variables and the message schedule are in the context,
// where the caller can wipe them.

#include "sha512.h"

static const uint64_t sha512_k[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

static const uint64_t sha512_initial[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

#define SHA512_ROTR(x, n) ((x) >> (n) | (x) << (64 - (n)))
#define SHA512_BIG_SIGMA0(x) (SHA512_ROTR(x, 28) ^ SHA512_ROTR(x, 34) ^ SHA512_ROTR(x, 39))
#define SHA512_BIG_SIGMA1(x) (SHA512_ROTR(x, 14) ^ SHA512_ROTR(x, 18) ^ SHA512_ROTR(x, 41))
#define SHA512_SIGMA0(x) (SHA512_ROTR(x, 1) ^ SHA512_ROTR(x, 8) ^ (x) >> 7)
#define SHA512_SIGMA1(x) (SHA512_ROTR(x, 19) ^ SHA512_ROTR(x, 61) ^ (x) >> 6)

enum { SHA512_GROUP = 16, SHA512_GROUPS = 5 };

// Turn the block's bytes into words, in place.
static void sha512_load(uint64_t w[16]) {
    for (int i = 0; i < 16; i++) {
        const uint8_t *bytes = (const uint8_t *)&w[i];
        uint32_t high = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16
            | (uint32_t)bytes[2] << 8 | bytes[3];
        uint32_t low = (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16
            | (uint32_t)bytes[6] << 8 | bytes[7];
        w[i] = (uint64_t)high << 32 | low;
    }
}

// Both the working variables and the schedule are windows that slide over memory: a round moves no
// variable. After each group of 16 rounds the windows go back to where they began.
static void sha512_compress(sha512_ctx *ctx) {
    uint64_t *work = ctx->work;
    uint64_t *w = ctx->w;
    const uint64_t *k = sha512_k;
    sha512_load(w);
    for (int i = 0; i < 8; i++) {
        work[SHA512_GROUP + i] = ctx->hash[i];
    }
    for (int group = 0; group < SHA512_GROUPS; group++) {
        uint64_t *v = work + SHA512_GROUP; // a..h are v[0]..v[7]
        for (int i = 0; i < SHA512_GROUP; i++, v--, k++) {
            uint64_t t = v[7] + SHA512_BIG_SIGMA1(v[4]) + (v[6] ^ (v[4] & (v[5] ^ v[6])))
                + *k + w[i];
            uint64_t u = SHA512_BIG_SIGMA0(v[0]) + ((v[0] & v[1]) | (v[2] & (v[0] | v[1])));
            v[3] += t;
            v[-1] = t + u;
        }
        for (int i = 0; i < 8; i++) {
            work[SHA512_GROUP + i] = work[i];
        }
        if (group == SHA512_GROUPS - 1) {
            break;
        }
        for (int i = 0; i < 16; i++) {
            w[16 + i] = w[i] + SHA512_SIGMA0(w[i + 1]) + w[i + 9] + SHA512_SIGMA1(w[i + 14]);
        }
        for (int i = 0; i < 16; i++) {
            w[i] = w[16 + i];
        }
    }
    for (int i = 0; i < 8; i++) {
        ctx->hash[i] += work[i];
    }
}

void sha512_init(sha512_ctx *ctx) {
    for (int i = 0; i < 8; i++) {
        ctx->hash[i] = sha512_initial[i];
    }
    ctx->size = 0;
}

void sha512_update(sha512_ctx *ctx, const uint8_t *data, size_t size) {
    uint8_t *block = (uint8_t *)ctx->w;
    uint32_t at = (uint32_t)ctx->size & 127;
    ctx->size += size;
    while (size--) {
        block[at++] = *data++;
        if (at == 128) {
            sha512_compress(ctx);
            at = 0;
        }
    }
}

void sha512_final(sha512_ctx *ctx, uint8_t digest[64]) {
    uint8_t *block = (uint8_t *)ctx->w;
    uint32_t at = (uint32_t)ctx->size & 127;
    uint64_t bits = ctx->size << 3;
    block[at++] = 0x80;
    if (at > 112) {
        while (at < 128) {
            block[at++] = 0;
        }
        sha512_compress(ctx);
        at = 0;
    }
    while (at < 120) { // the upper half of the length is 0: no message reaches 2^61 bytes
        block[at++] = 0;
    }
    for (; at < 128; at++) {
        block[at] = (uint8_t)(bits >> 56);
        bits <<= 8;
    }
    sha512_compress(ctx);
    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < 8; j++) {
            *digest++ = (uint8_t)(ctx->hash[i] >> 56);
            ctx->hash[i] <<= 8;
        }
    }
}
