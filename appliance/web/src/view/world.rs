//! The world as a picture: rough outlines drawn by hand, countries by the middle of each, and how
//! much went where as circles.

use std::fmt::Write as _;

use askama::Template;

use super::chart::short;

/// Rough outlines of the land, longitude and latitude in degrees, one shape a line.
const LAND: [&str; 20] = [
    "-17 15 -13 28 -6 36 10 37 11 33 20 31 25 32 32 31 37 22 43 12 51 11 48 5 41 -2 40 -15 35 -20 35 -25 31 -29 27 -34 19 -35 15 -27 12 -17 13 -8 9 -1 9 4 4 6 -8 4 -13 9",
    "44 -25 47 -25 50 -15 49 -12 44 -17",
    "-9 37 -9 43 -2 43 -1 46 -5 48 2 51 7 54 9 57 11 54 14 54 20 55 22 57 24 59 29 60 22 60 25 65 22 66 17 61 18 59 14 55 11 59 5 59 5 62 14 68 25 71 40 67 44 68 54 69 68 69 73 73 87 75 104 78 113 74 130 71 140 73 160 70 180 69 180 65 170 60 163 58 156 51 156 57 163 62 155 59 142 59 135 55 141 52 135 44 130 43 127 40 129 36 126 34 125 38 121 39 118 38 122 37 120 34 122 30 120 26 114 22 108 21 106 19 109 13 105 9 100 13 100 8 104 1 101 3 98 9 97 17 92 22 87 21 80 15 80 10 77 8 73 17 72 21 67 25 57 26 52 28 49 30 50 26 56 26 59 22 52 16 44 13 39 21 35 28 34 31 36 36 30 36 27 37 27 40 30 41 41 41 37 45 31 46 28 43 26 41 23 40 23 37 20 40 19 42 13 45 14 42 18 40 16 38 12 41 10 44 3 43 0 39 -2 37",
    "-5 50 1 51 0 53 -2 56 -3 58 -5 58 -3 54 -5 52",
    "-10 52 -6 52 -6 55 -9 54",
    "-24 65 -22 64 -18 63 -14 65 -16 66 -22 66",
    "130 31 131 34 136 35 140 35 142 39 141 45 145 44 140 42 139 38 133 35",
    "95 5 104 -3 105 -6 100 0",
    "109 1 117 7 119 5 116 -4 110 -3",
    "105 -6 115 -8 105 -7",
    "131 -1 141 -3 150 -10 138 -8",
    "120 18 122 18 126 7 122 7",
    "114 -22 122 -18 129 -15 132 -11 136 -12 137 -16 141 -17 142 -11 146 -19 153 -25 153 -31 150 -37 145 -39 138 -35 131 -31 124 -33 115 -34",
    "173 -35 178 -38 175 -41 171 -44 167 -46 172 -41",
    "-168 66 -157 71 -128 70 -115 68 -95 68 -82 67 -94 59 -92 57 -82 55 -80 51 -78 55 -77 62 -70 61 -64 60 -56 52 -66 50 -60 46 -70 43 -74 40 -76 35 -81 31 -80 25 -83 29 -90 30 -97 27 -97 22 -94 18 -91 19 -87 21 -88 16 -83 15 -83 10 -77 8 -79 7 -85 10 -94 16 -105 20 -109 26 -114 31 -110 23 -117 33 -124 40 -124 48 -135 58 -152 60 -158 56 -165 55 -158 58 -165 61",
    "-45 60 -54 66 -58 75 -70 77 -60 82 -30 83 -20 75 -22 70 -40 65",
    "-62 66 -74 64 -90 73 -80 74",
    "-90 77 -62 82 -90 82 -115 78",
    "-117 70 -105 69 -105 73 -120 74",
    "-77 8 -72 12 -62 11 -52 5 -50 0 -35 -6 -39 -15 -41 -22 -48 -26 -58 -35 -62 -39 -65 -43 -69 -52 -75 -50 -73 -37 -70 -18 -76 -14 -81 -5 -80 1",
];

/// Countries by their code (ISO 3166-1), the middle of each in whole degrees, and their names.
const COUNTRIES: &str = "AD 43 2 Andorra|AE 24 54 United Arab Emirates|AF 34 66 Afghanistan|AG 17 -62 Antigua and Barbuda|AL 41 20 Albania|AM 40 45 Armenia|AO -12 18 Angola|AR -35 -65 Argentina|AT 47 14 Austria|AU -25 134 Australia|AZ 40 48 Azerbaijan|BA 44 18 Bosnia and Herzegovina|BB 13 -60 Barbados|BD 24 90 Bangladesh|BE 51 5 Belgium|BF 12 -2 Burkina Faso|BG 43 25 Bulgaria|BH 26 51 Bahrain|BI -3 30 Burundi|BJ 9 2 Benin|BM 32 -65 Bermuda|BN 5 115 Brunei|BO -17 -65 Bolivia|BR -10 -53 Brazil|BS 24 -76 Bahamas|BT 27 90 Bhutan|BW -22 24 Botswana|BY 54 28 Belarus|BZ 17 -89 Belize|CA 58 -105 Canada|CD -3 24 Congo (Kinshasa)|CF 7 21 Central African Republic|CG -1 15 Congo (Brazzaville)|CH 47 8 Switzerland|CI 8 -6 Côte d'Ivoire|CL -32 -71 Chile|CM 6 12 Cameroon|CN 35 104 China|CO 4 -73 Colombia|CR 10 -84 Costa Rica|CU 22 -79 Cuba|CV 16 -24 Cape Verde|CY 35 33 Cyprus|CZ 50 15 Czechia|DE 51 10 Germany|DJ 12 43 Djibouti|DK 56 10 Denmark|DM 15 -61 Dominica|DO 19 -71 Dominican Republic|DZ 28 3 Algeria|EC -1 -78 Ecuador|EE 59 26 Estonia|EG 27 30 Egypt|ER 15 39 Eritrea|ES 40 -4 Spain|ET 9 40 Ethiopia|FI 63 26 Finland|FJ -18 178 Fiji|FR 47 2 France|GA -1 12 Gabon|GB 53 -2 United Kingdom|GD 12 -62 Grenada|GE 42 44 Georgia|GF 4 -53 French Guiana|GH 8 -1 Ghana|GI 36 -5 Gibraltar|GL 72 -40 Greenland|GM 13 -16 Gambia|GN 11 -11 Guinea|GP 16 -62 Guadeloupe|GQ 2 10 Equatorial Guinea|GR 39 22 Greece|GT 16 -90 Guatemala|GU 13 145 Guam|GW 12 -15 Guinea-Bissau|GY 5 -59 Guyana|HK 22 114 Hong Kong|HN 15 -87 Honduras|HR 45 16 Croatia|HT 19 -72 Haiti|HU 47 19 Hungary|ID -3 114 Indonesia|IE 53 -8 Ireland|IL 31 35 Israel|IM 54 -5 Isle of Man|IN 22 79 India|IQ 33 44 Iraq|IR 32 54 Iran|IS 65 -18 Iceland|IT 43 12 Italy|JE 49 -2 Jersey|JM 18 -77 Jamaica|JO 31 37 Jordan|JP 36 138 Japan|KE 0 38 Kenya|KG 41 75 Kyrgyzstan|KH 13 105 Cambodia|KM -12 43 Comoros|KP 40 127 North Korea|KR 36 128 South Korea|KW 29 48 Kuwait|KY 19 -81 Cayman Islands|KZ 48 67 Kazakhstan|LA 19 103 Laos|LB 34 36 Lebanon|LC 14 -61 Saint Lucia|LI 47 10 Liechtenstein|LK 8 81 Sri Lanka|LR 6 -9 Liberia|LS -30 28 Lesotho|LT 55 24 Lithuania|LU 50 6 Luxembourg|LV 57 25 Latvia|LY 27 18 Libya|MA 32 -6 Morocco|MC 44 7 Monaco|MD 47 29 Moldova|ME 43 19 Montenegro|MG -19 47 Madagascar|MK 42 22 North Macedonia|ML 17 -4 Mali|MM 21 96 Myanmar|MN 47 103 Mongolia|MO 22 113 Macao|MQ 15 -61 Martinique|MR 20 -10 Mauritania|MT 36 14 Malta|MU -20 58 Mauritius|MV 3 73 Maldives|MW -13 34 Malawi|MX 24 -102 Mexico|MY 4 102 Malaysia|MZ -18 35 Mozambique|NA -22 17 Namibia|NC -21 166 New Caledonia|NE 17 9 Niger|NG 10 8 Nigeria|NI 13 -85 Nicaragua|NL 52 5 Netherlands|NO 61 9 Norway|NP 28 84 Nepal|NZ -41 173 New Zealand|OM 21 56 Oman|PA 9 -80 Panama|PE -9 -75 Peru|PF -18 -149 French Polynesia|PG -6 145 Papua New Guinea|PH 13 122 Philippines|PK 30 69 Pakistan|PL 52 19 Poland|PR 18 -66 Puerto Rico|PS 32 35 Palestine|PT 39 -8 Portugal|PY -23 -58 Paraguay|QA 25 51 Qatar|RE -21 56 Réunion|RO 46 25 Romania|RS 44 21 Serbia|RU 60 95 Russia|RW -2 30 Rwanda|SA 24 45 Saudi Arabia|SB -9 160 Solomon Islands|SC -5 55 Seychelles|SD 15 30 Sudan|SE 62 16 Sweden|SG 1 104 Singapore|SI 46 15 Slovenia|SK 49 20 Slovakia|SL 8 -12 Sierra Leone|SM 44 12 San Marino|SN 14 -14 Senegal|SO 5 46 Somalia|SR 4 -56 Suriname|SS 7 30 South Sudan|SV 14 -89 El Salvador|SY 35 38 Syria|SZ -27 31 Eswatini|TD 15 19 Chad|TG 8 1 Togo|TH 15 101 Thailand|TJ 39 71 Tajikistan|TL -9 126 Timor-Leste|TM 39 60 Turkmenistan|TN 34 10 Tunisia|TO -21 -175 Tonga|TR 39 35 Türkiye|TT 11 -61 Trinidad and Tobago|TW 24 121 Taiwan|TZ -6 35 Tanzania|UA 49 31 Ukraine|UG 1 32 Uganda|US 39 -98 United States|UY -33 -56 Uruguay|UZ 41 64 Uzbekistan|VA 42 12 Vatican City|VC 13 -61 Saint Vincent|VE 7 -66 Venezuela|VG 18 -64 British Virgin Islands|VI 18 -65 U.S. Virgin Islands|VN 16 107 Vietnam|VU -16 167 Vanuatu|WS -14 -172 Samoa|XK 43 21 Kosovo|YE 16 48 Yemen|YT -13 45 Mayotte|ZA -29 25 South Africa|ZM -14 28 Zambia|ZW -19 30 Zimbabwe";

/// The name of a country and its middle as latitude and longitude, by its code.
pub fn country(code: [u8; 2]) -> Option<(&'static str, (f64, f64))> {
    let found = COUNTRIES.split('|').find(|line| line.as_bytes().starts_with(&code))?;
    let mut words = found.splitn(4, ' ').skip(1);
    let latitude = words.next()?.parse().ok()?;
    let longitude = words.next()?.parse().ok()?;
    Some((words.next()?, (latitude, longitude)))
}

/// A place on the map and how much went there.
#[derive(Debug, Clone, PartialEq)]
pub struct MapSpot {
    /// What it is, with the amount.
    pub label: String,
    /// Latitude and longitude in degrees.
    pub at: (f64, f64),
    /// How much, in any unit.
    pub weight: f64,
    /// Whether people have named it.
    pub named: bool,
    /// The class of its colour; empty for none.
    pub colour: &'static str,
}

/// The map.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "flows/world.html")]
pub struct WorldMap {
    land: String,
    spots: Vec<Spot>,
    arcs: Vec<String>,
    /// What a screen reader says.
    pub label: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Spot {
    x: String,
    y: String,
    r: String,
    label: String,
    named: bool,
    colour: &'static str,
}

impl askama::filters::HtmlSafe for WorldMap {}

impl WorldMap {
    /// The largest circle, in degrees.
    const LARGEST: f64 = 9.0;
    const SMALLEST: f64 = 1.2;

    /// From places; lines lead from `home` to each other one, where it is known.
    pub fn new(spots: &[MapSpot], home: Option<(f64, f64)>, label: String) -> Self {
        let highest = spots.iter().map(|spot| spot.weight).fold(0.0, f64::max).max(1.0);
        let drawn = spots.iter().map(|spot| {
            let (x, y) = place(spot.at);
            // The area is the amount.
            let r = (spot.weight.max(0.0) / highest).sqrt() * Self::LARGEST;
            let r = short(r.max(Self::SMALLEST));
            Spot {
                x: short(x),
                y: short(y),
                r,
                label: spot.label.clone(),
                named: spot.named,
                colour: spot.colour,
            }
        });
        let arcs = home.into_iter().flat_map(|home| {
            let (x, y) = place(home);
            spots.iter().filter(move |spot| spot.at != home).map(move |spot| {
                let (to_x, to_y) = place(spot.at);
                let lift = (to_x - x).hypot(to_y - y) / 5.0;
                let middle = (short(f64::midpoint(x, to_x)), short(f64::midpoint(y, to_y) - lift));
                let ends = (short(x), short(y), short(to_x), short(to_y));
                format!("M{} {}Q{} {} {} {}", ends.0, ends.1, middle.0, middle.1, ends.2, ends.3)
            })
        });
        Self { land: land(), spots: drawn.collect(), arcs: arcs.collect(), label }
    }
}

/// From latitude and longitude to the picture's coordinates.
fn place((latitude, longitude): (f64, f64)) -> (f64, f64) {
    (longitude.clamp(-180.0, 180.0) + 180.0, 85.0 - latitude.clamp(-60.0, 85.0))
}

fn land() -> String {
    let mut out = String::with_capacity(3_000);
    for shape in LAND {
        let numbers: Vec<f64> = shape.split(' ').filter_map(|word| word.parse().ok()).collect();
        for (i, pair) in numbers.chunks_exact(2).enumerate() {
            let (x, y) = place((pair[1], pair[0]));
            let _ = write!(out, "{}{} {}", if i == 0 { 'M' } else { 'L' }, short(x), short(y));
        }
        out.push('z');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_name_and_a_place_on_the_map_once() {
        let mut codes = std::collections::BTreeSet::new();
        for line in COUNTRIES.split('|') {
            let code: [u8; 2] = line.as_bytes()[..2].try_into().unwrap();
            let (name, (latitude, longitude)) = country(code).unwrap_or_else(|| panic!("{line}"));
            assert!(codes.insert(code) && !name.is_empty(), "{line}");
            assert!(latitude.abs() <= 85.0 && longitude.abs() <= 180.0, "{line}");
        }
        assert!(codes.len() > 190);
        assert_eq!(country(*b"DE"), Some(("Germany", (51.0, 10.0))));
        assert_eq!(country(*b"ZZ"), None);
    }

    #[test]
    fn the_outlines_are_whole_and_circles_as_large_as_their_amounts() {
        for shape in LAND {
            let numbers = shape.split(' ').filter(|word| word.parse::<f64>().is_ok()).count();
            assert!(numbers.is_multiple_of(2) && numbers >= 6, "{shape}");
            assert_eq!(numbers, shape.split(' ').count(), "{shape}");
        }
        let spot = |weight| MapSpot {
            label: String::new(),
            at: (0.0, 0.0),
            weight,
            named: false,
            colour: "",
        };
        let map = WorldMap::new(&[spot(100.0), spot(25.0), spot(f64::NAN)], None, String::new());
        let sizes: Vec<&str> = map.spots.iter().map(|spot| spot.r.as_str()).collect();
        assert_eq!(sizes, ["9", "4.5", "1.2"]);
        assert!(!WorldMap::new(&[], Some((1.0, 2.0)), String::new()).to_string().contains("NaN"));
    }
}
