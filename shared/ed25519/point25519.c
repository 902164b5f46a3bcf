// Points of edwards25519 in extended coordinates, over field25519.c.
//
// Source of the formulas: RFC 8032, section 5.1.4, after H. Hisil, K. K. Wong, G. Carter,
// E. Dawson, "Twisted Edwards curves revisited", 2008. They hold for every pair of points, also for
// equal, opposite and small-order points, so there are no special cases. Results may overlap
// operands.

#include "field25519.h"

// x = X / Z, y = Y / Z, x y = T / Z
typedef struct {
    gf x, y, z, t;
} point;

// An entry of a table, in the form in which a point of z = 1 is added: (y + x) / 2, (y - x) / 2, d x y. It takes
// 96 bytes. The halves make every part of a sum half as large, and the point is the same. So an
// addition needs 1 z in place of 2 z.
typedef struct {
    gf sum, difference, dt;
} point_affine;

// Any point in the form in which it is added: y + x, y - x, 2 d t, 2 z.
typedef struct {
    point_affine parts;
    gf z2;
} point_addend;

// Whether a function computes its result's t. An addition reads the t of its operand, a doubling
// does not.
enum { WITHOUT_T, WITH_T };

static const gf POINT_4D = {
    0x4d65e2b2, 0xd7ad3728, 0x050762ad, 0x01c02935, 0xdde7a260, 0x331d01e5, 0xadbff9ce, 0x480db3b8,
};

static const gf POINT_2D = {
    0x26b2f159, 0xebd69b94, 0x8283b156, 0x00e0149a, 0xeef3d130, 0x198e80f2, 0x56dffce7, 0x2406d9dc,
};

static const gf POINT_D = {
    0x135978a3, 0x75eb4dca, 0x4141d8ab, 0x00700a4d, 0x7779e898, 0x8cc74079, 0x2b6ffe73, 0x52036cee,
};

static const gf POINT_SQRT_MINUS_1 = {
    0x4a0ea0b0, 0xc4ee1b27, 0xad2fe478, 0x2f431806, 0x3dfbd7a7, 0x2b4d0099, 0x4fc1df0b, 0x2b832480,
};

static const gf GF_HALF = {
    0xfffffff7, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x3fffffff,
};

static const gf GF_ONE = {1};
static const gf GF_ZERO = {0};

static void point_zero(point *out) {
    gf_copy(out->x, GF_ZERO);
    gf_copy(out->y, GF_ONE);
    gf_copy(out->z, GF_ONE);
    gf_copy(out->t, GF_ZERO);
}

// out = (e f, g h, f g, e h), the last step of every formula.
static void point_finish(point *out, const gf e, const gf f, const gf g, const gf h, int with_t) {
    const gf_product products[4] = {
        {out->x, e, f}, {out->y, g, h}, {out->z, f, g}, {out->t, e, h},
    };
    gf_mul_list(products, with_t ? 4 : 3);
}

// out = 2 a. The t of a is not read.
static void point_double(point *out, const point *a, int with_t) {
    gf e, f, g, h, xx, yy;
    gf_square(xx, a->x);
    gf_square(yy, a->y);
    gf_square(f, a->z);
    gf_add(f, f, f);
    gf_add(e, a->x, a->y);
    gf_square(e, e);
    gf_add_sub(h, g, xx, yy);
    gf_sub(e, h, e);
    gf_add(f, f, g);
    point_finish(out, e, f, g, h, with_t);
}

// out = a + b, or a - b if negative, from the parts of b and d = 2 (z of a) (z of b). The parts and
// d may be halved, all of them. The time depends on negative, which must not be secret.
static void point_add_parts(point *out, const point *a, const point_affine *b, const gf d,
    int negative, int with_t) {
    gf e, f, g, h, c;
    gf_add_sub(h, e, a->y, a->x);
    const gf_product products[3] = {
        {h, h, negative ? b->difference : b->sum},
        {e, e, negative ? b->sum : b->difference},
        {c, a->t, b->dt},
    };
    gf_mul_list(products, 3);
    gf_add_sub(g, f, d, c);
    gf_add_sub(c, e, h, e);
    if (negative) {
        point_finish(out, e, g, f, c, with_t);
    } else {
        point_finish(out, e, f, g, c, with_t);
    }
}

// out = a + b, or a - b if negative. The time depends on negative, which must not be secret.
static void point_add(point *out, const point *a, const point_addend *b, int negative,
    int with_t) {
    gf d;
    gf_mul(d, a->z, b->z2);
    point_add_parts(out, a, &b->parts, d, negative, with_t);
}

// The same for an entry of a table.
static void point_add_affine(point *out, const point *a, const point_affine *b, int negative,
    int with_t) {
    point_add_parts(out, a, b, a->z, negative, with_t);
}

// out = a point of a table.
static void point_from_affine(point *out, const point_affine *a) {
    gf_add_sub(out->y, out->x, a->sum, a->difference);
    gf_copy(out->z, GF_ONE);
    gf_mul(out->t, out->x, out->y);
}

// p = -p
static void point_negate(point *p) {
    gf_sub(p->x, GF_ZERO, p->x);
    gf_sub(p->t, GF_ZERO, p->t);
}

static void point_to_addend(point_addend *out, const point *a) {
    gf_add_sub(out->parts.sum, out->parts.difference, a->y, a->x);
    gf_add(out->z2, a->z, a->z);
    gf_mul(out->parts.dt, a->t, POINT_2D);
}

// Write the encoding of a point (RFC 8032, section 5.1.2). The time depends on a PUBLIC
// point.
static void point_encode(uint8_t bytes[32], const point *a, int secrecy) {
    gf inverse, x, y;
    gf_invert(inverse, a->z, secrecy);
    gf_mul(x, a->x, inverse);
    gf_mul(y, a->y, inverse);
    gf_reduce(x, x);
    gf_store(bytes, y);
    bytes[31] |= (uint8_t)(x[0] << 7);
}

// Read a point (RFC 8032, section 5.1.3). Return 0 if no point has this encoding. Variable time.
//
// y is taken modulo p, and "x = -0" is taken as 0. The caller decides whether it accepts such
// encodings.
static int point_decode(point *out, const uint8_t bytes[32]) {
    gf u, v, x, check;
    gf_load(out->y, bytes);
    uint32_t sign = out->y[7] >> 31;
    out->y[7] &= 0x7fffffff;
    gf_copy(out->z, GF_ONE);
    // x^2 = u / v = (y^2 - 1) / (d y^2 + 1). x is u v^3 (u v^7)^((p - 5) / 8) or that times the
    // square root of -1.
    gf_square(u, out->y);
    gf_mul(v, u, POINT_D);
    gf_sub(u, u, GF_ONE);
    gf_add(v, v, GF_ONE);
    gf_square(check, v);
    gf_mul(check, check, v); // v^3
    gf_mul(out->x, check, u); // u v^3
    gf_square(check, check);
    gf_mul(check, check, v);
    gf_mul(check, check, u); // u v^7
    gf_pow_p58(x, check);
    gf_mul(x, x, out->x);
    gf_square(check, x);
    gf_mul(check, check, v);
    gf_sub(out->t, check, u);
    if (!gf_is_zero(out->t)) {
        gf_add(out->t, check, u);
        if (!gf_is_zero(out->t)) {
            return 0;
        }
        gf_mul(x, x, POINT_SQRT_MINUS_1);
    }
    gf_reduce(out->x, x);
    if ((out->x[0] & 1) != sign) {
        gf_sub(out->x, GF_ZERO, out->x);
    }
    gf_mul(out->t, out->x, out->y);
    return 1;
}
