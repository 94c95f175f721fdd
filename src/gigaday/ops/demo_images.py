"""Product pictures of their own making for the demo catalogue: a lit backdrop and a silhouette by category."""

import colorsys
import random

SIZE = 800
_SHAPES = {
    "chairs": '<rect x="285" y="190" width="230" height="250" rx="40"/><rect x="255" y="425" width="290" height="60" '
    'rx="24"/><path d="M275 480 L245 650 M525 480 L555 650 M320 480 L310 640 M480 480 L490 640" {line}/>',
    "lamps": '<path d="M320 190 H480 L560 400 H240 Z" stroke-linejoin="round"/><rect x="390" y="400" width="20" '
    'height="200"/><ellipse cx="400" cy="620" rx="120" ry="28"/>',
    "shoes": '<path d="M190 370 Q250 400 300 330 L470 450 Q600 480 620 550 L620 590 H190 Z"/><rect x="180" y="585" '
    'width="450" height="40" rx="18"/>',
    "bags": '<path d="M310 330 Q310 190 400 190 Q490 190 490 330" {line}/><rect x="235" y="310" width="330" '
    'height="330" rx="60"/><rect x="290" y="470" width="220" height="120" rx="24" fill="#fff" fill-opacity=".25"/>',
    "mugs": '<path d="M250 270 H510 V540 Q510 620 430 620 H330 Q250 620 250 540 Z"/><path d="M510 340 Q620 340 620 430 '
    'Q620 520 510 520" {line}/>',
    "audio": '<path d="M220 470 Q220 210 400 210 Q580 210 580 470" {line}/><rect x="185" y="430" width="100" '
    'height="190" rx="46"/><rect x="515" y="430" width="100" height="190" rx="46"/>',
    "bicycles": '<g {line}><circle cx="250" cy="520" r="105"/><circle cx="550" cy="520" r="105"/><path d="M250 520 '
    "L345 350 H505 L400 520 Z M345 350 L330 300 M290 300 H370 M505 350 L550 520 M505 350 L490 280 H555 "
    'M345 350 L400 520"/></g>',
    "plants": '<path d="M290 470 H510 L475 650 H325 Z"/><path d="M400 470 Q380 300 250 250 Q270 400 400 470 Q420 300 '
    '550 230 Q540 400 400 470 Q330 280 400 160 Q470 280 400 470"/>',
}
_PARCEL = (
    '<path d="M220 320 L400 240 L580 320 V540 L400 630 L220 540 Z"/>'
    '<path d="M220 320 L400 400 L580 320 M400 400 V630" stroke="#fff" stroke-opacity=".4" stroke-width="8" '
    'fill="none"/>'
)


def draw(category: str, seed: int) -> bytes:
    """A PNG of `SIZE` by `SIZE` pixels, the same for the same category and seed."""
    import pyvips  # loads a large library, which only whoever draws should pay for

    image = pyvips.Image.svgload_buffer(svg(category, seed).encode())
    data: bytes = image.write_to_buffer(".png", compression=6, keep="none")
    return data


def svg(category: str, seed: int) -> str:
    """The picture as SVG text; an unknown category is drawn as a parcel."""
    chance = random.Random(f"picture {category} {seed}")
    hue = chance.random()
    back, edge = _colour(hue, 0.93, 0.45), _colour(hue + 0.06, 0.72, 0.50)
    light, dark = _colour(hue + 0.5, 0.52, 0.55), _colour(hue + 0.55, 0.30, 0.60)
    line = f'stroke="{dark}" stroke-width="26" fill="none" stroke-linecap="round" stroke-linejoin="round"'
    shape = _SHAPES.get(category, _PARCEL).replace("{line}", line)
    turn, size = chance.uniform(-5, 5), chance.uniform(0.92, 1.12)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" viewBox="0 0 800 800">
<defs>
<radialGradient id="back" cx="{chance.uniform(0.3, 0.7):.2f}" cy=".3" r=".9">
<stop offset="0" stop-color="{back}"/><stop offset="1" stop-color="{edge}"/></radialGradient>
<linearGradient id="body" x1="0" y1="0" x2="1" y2="1">
<stop offset="0" stop-color="{light}"/><stop offset="1" stop-color="{dark}"/></linearGradient>
<radialGradient id="shade"><stop offset="0" stop-color="#000" stop-opacity=".35"/>
<stop offset="1" stop-color="#000" stop-opacity="0"/></radialGradient>
</defs>
<rect width="800" height="800" fill="url(#back)"/>
<circle cx="{chance.randrange(150, 650)}" cy="{chance.randrange(150, 400)}" r="{chance.randrange(120, 240)}" \
fill="#fff" fill-opacity=".16"/>
<ellipse cx="400" cy="655" rx="270" ry="42" fill="url(#shade)"/>
<g fill="url(#body)" transform="translate(400 430) rotate({turn:.1f}) scale({size:.2f}) translate(-400 -430)">
{shape}</g>
</svg>"""


def _colour(hue: float, lightness: float, saturation: float) -> str:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
