"""Words of the invented merchant behind the demo catalogue: what is sold, by whom it is made, who buys it.

Everything here is written for this project: brands, people and streets are invented; cities and their postal codes
are real pairs; categories are names of the public product taxonomies (Shopify product taxonomy 2026-01, read
2026-11-23); telephone ranges are those that the regulators keep free for fiction where there are any.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "CARE", "CHOICE", "COLOURS", "COUNTRIES", "FIRST_NAMES", "INTRODUCTIONS", "KINDS", "LAST_NAMES", "MATERIALS", "SERIES", "SPEC_WORDS",
    "Country", "Kind",
]  # fmt: skip

Words = dict[str, str]


@dataclass(frozen=True)
class Kind:
    """One kind of product, from which many products are made.

    Parameters
    ----------
    key : str
        First letters of the SKU.
    category, taxonomy : str
        Category path and its identifier in Shopify's product taxonomy.
    nouns, uses : dict of str to str
        Language to the noun of the title and to one sentence about its use.
    brands, materials, specs : tuple of str
        What the products of this kind differ in; a spec is a size or rating as it stands in the title.
    price : tuple of int
        Lowest and highest price in euro.
    weight_g : tuple of int
        Lowest and highest weight; grows with the position of the spec.
    box_mm : tuple of int
        Length, width and height of the middle package.
    option : str
        Name of the variants' second option; empty where the kind is not sold in variants.
    """

    key: str
    category: str
    taxonomy: str
    nouns: Words
    uses: Words
    brands: tuple[str, ...]
    materials: tuple[str, ...]
    specs: tuple[str, ...]
    price: tuple[int, int]
    weight_g: tuple[int, int]
    box_mm: tuple[int, int, int]
    option: str = ""


@dataclass(frozen=True)
class Country:
    """Where buyers live: names as people type them, towns with postal codes, streets and telephone numbers.

    Parameters
    ----------
    code : str
        ISO 3166-1 alpha-2.
    typed : str
        The country as a buyer writes it.
    places : tuple of (str, str, str)
        City, postal code, region (empty where addresses have none).
    streets : tuple of str
        With ``{n}`` for the number.
    phones : tuple of (str, str)
        Number as typed and in E.164; ``{n}`` stands for two digits in both, and ``{m}`` for two more.
    """

    code: str
    typed: str
    places: tuple[tuple[str, str, str], ...]
    streets: tuple[str, ...]
    phones: tuple[tuple[str, str], ...]


_COOK = ("Brennhaus", "Cuivrelle", "Hearth & Oak", "Nordküche", "Maison Ferrand")
_HOME = ("Lindweber", "Atelier Clairval", "Woolbrook", "Hausmoor", "Rivelle")
_OUTDOOR = ("Fjellgrat", "Cimerosa", "Tarnstone", "Wildpfad", "Hautmont")
_TOYS = ("Kleckskiste", "Trompinette", "Pennywhistle Toys", "Bauwichtel", "Lutinou")
_ELECTRONICS = ("Klangwerk Nord", "Volteo", "Brightcell", "Tonalis", "Kestrel Audio")
_APPAREL = ("Strandlauf", "Belleroche", "Thornby & Sons", "Küstenkind", "Mistral Nord")

KINDS: tuple[Kind, ...] = (
    Kind("PAN", "Home & Garden > Kitchen & Dining > Cookware & Bakeware > Cookware > Skillets & Frying Pans > Frying Pans",
         "hg-11-2-3-13-1", {"de": "Bratpfanne", "fr": "Poêle", "en": "Frying Pan"},
         {"de": "Sie verteilt die Hitze gleichmäßig und eignet sich für alle Herdarten einschließlich Induktion.",
          "fr": "Elle répartit la chaleur de façon homogène et convient à tous les feux, induction comprise.",
          "en": "It spreads heat evenly and works on every hob, induction included."},
         _COOK, ("cast iron", "aluminium", "stainless steel"), ("20 cm", "24 cm", "28 cm", "32 cm"), (25, 90), (900, 2600), (480, 320, 70)),
    Kind("KNI", "Home & Garden > Kitchen & Dining > Kitchen Tools & Utensils > Kitchen Knives > Chef's Knives",
         "hg-11-8-39-2", {"de": "Kochmesser", "fr": "Couteau de chef", "en": "Chef's Knife"},
         {"de": "Die Klinge bleibt lange scharf und lässt sich leicht nachschleifen.",
          "fr": "La lame reste longtemps affûtée et se réaffûte sans peine.",
          "en": "The blade keeps its edge for a long time and is easy to hone."},
         _COOK, ("stainless steel", "damask steel"), ("16 cm", "18 cm", "20 cm"), (29, 140), (160, 290), (380, 80, 30)),
    Kind("KET", "Home & Garden > Kitchen & Dining > Kitchen Appliances > Electric Kettles",
         "hg-11-7-11", {"de": "Wasserkocher", "fr": "Bouilloire électrique", "en": "Electric Kettle"},
         {"de": "Er schaltet selbsttätig ab und hält die Temperatur eine halbe Stunde.",
          "fr": "Elle s'arrête toute seule et garde l'eau chaude une demi-heure.",
          "en": "It switches itself off and keeps the water hot for half an hour."},
         _COOK, ("stainless steel", "glass"), ("1.0 l", "1.5 l", "1.7 l"), (29, 99), (850, 1400), (240, 220, 260)),
    Kind("JAR", "Home & Garden > Kitchen & Dining > Food Storage > Food Storage Containers",
         "hg-11-4-6", {"de": "Vorratsdose", "fr": "Boîte de conservation", "en": "Storage Container"},
         {"de": "Der Deckel schließt dicht, sodass Mehl, Nudeln und Gewürze lange frisch bleiben.",
          "fr": "Son couvercle hermétique garde longtemps farine, pâtes et épices.",
          "en": "The lid closes tightly, so flour, pasta and spices stay fresh."},
         _COOK, ("glass", "bamboo", "stainless steel"), ("0.5 l", "1.0 l", "2.0 l"), (8, 28), (320, 1100), (140, 140, 190)),
    Kind("CUT", "Home & Garden > Kitchen & Dining > Kitchen Tools & Utensils > Cutting Boards",
         "hg-11-8-21", {"de": "Schneidebrett", "fr": "Planche à découper", "en": "Cutting Board"},
         {"de": "Die Saftrille hält die Arbeitsfläche sauber, und die Kanten liegen gut in der Hand.",
          "fr": "La rigole retient le jus et les bords se tiennent bien en main.",
          "en": "A groove catches juices and the edges are pleasant to hold."},
         _COOK, ("bamboo", "oak", "beech"), ("30 cm", "38 cm", "45 cm"), (15, 65), (700, 2300), (420, 290, 25)),
    Kind("BOT", "Home & Garden > Kitchen & Dining > Food & Beverage Carriers > Water Bottles",
         "hg-11-3-11", {"de": "Trinkflasche", "fr": "Gourde", "en": "Water Bottle"},
         {"de": "Sie hält Getränke zwölf Stunden heiß oder einen ganzen Tag kalt.",
          "fr": "Elle garde les boissons chaudes douze heures ou froides toute une journée.",
          "en": "It keeps drinks hot for twelve hours or cold for a whole day."},
         _OUTDOOR, ("stainless steel", "tritan"), ("0.5 l", "0.75 l", "1.0 l"), (14, 42), (180, 460), (90, 90, 280), "Capacity"),
    Kind("TOW", "Home & Garden > Linens & Bedding > Towels > Bath Towels & Washcloths > Bath Towels",
         "hg-15-4-1-1", {"de": "Badetuch", "fr": "Drap de bain", "en": "Bath Towel"},
         {"de": "Es trocknet schnell, fusselt nicht und bleibt auch nach vielen Wäschen weich.",
          "fr": "Il sèche vite, ne peluche pas et reste doux après de nombreux lavages.",
          "en": "It dries fast, sheds no lint and stays soft after many washes."},
         _HOME, ("cotton", "linen"), ("70 x 140 cm", "100 x 150 cm"), (15, 55), (420, 900), (350, 260, 90), "Colour"),
    Kind("DUV", "Home & Garden > Linens & Bedding > Bedding > Duvet Covers",
         "hg-15-1-5", {"de": "Bettbezug", "fr": "Housse de couette", "en": "Duvet Cover"},
         {"de": "Der Bezug atmet, knittert wenig und schließt mit Knöpfen aus Holz.",
          "fr": "La housse respire, se froisse peu et se ferme par des boutons en bois.",
          "en": "The cover breathes, hardly creases and closes with wooden buttons."},
         _HOME, ("cotton", "linen"), ("135 x 200 cm", "155 x 220 cm", "240 x 220 cm"), (39, 160), (850, 1900), (380, 300, 60)),
    Kind("LMP", "Home & Garden > Lighting > Lamps > Desk Lamps",
         "hg-13-5-2", {"de": "Schreibtischlampe", "fr": "Lampe de bureau", "en": "Desk Lamp"},
         {"de": "Das Licht ist stufenlos dimmbar und flackert nicht.",
          "fr": "Sa lumière se règle en continu et ne scintille pas.",
          "en": "The light dims smoothly and does not flicker."},
         _HOME, ("aluminium", "oak", "steel"), ("5 W", "8 W", "12 W"), (35, 150), (700, 2200), (430, 200, 120)),
    Kind("LAU", "Home & Garden > Household Supplies > Laundry Supplies > Laundry Baskets",
         "hg-10-9-16", {"de": "Wäschekorb", "fr": "Panier à linge", "en": "Laundry Basket"},
         {"de": "Der Korb lässt sich flach zusammenlegen und hat zwei feste Griffe.",
          "fr": "Le panier se plie à plat et possède deux poignées solides.",
          "en": "The basket folds flat and has two sturdy handles."},
         _HOME, ("cotton", "bamboo", "willow"), ("40 l", "60 l", "75 l"), (19, 69), (650, 1900), (420, 400, 150)),
    Kind("TEN", "Sporting Goods > Outdoor Recreation > Camping & Hiking > Tents",
         "sg-4-2-17", {"de": "Kuppelzelt", "fr": "Tente dôme", "en": "Dome Tent"},
         {"de": "Es steht in zehn Minuten und hält starkem Regen und Wind stand.",
          "fr": "Elle se monte en dix minutes et résiste à la pluie et au vent.",
          "en": "It stands in ten minutes and withstands heavy rain and wind."},
         _OUTDOOR, ("ripstop nylon", "polyester"), ("2P", "3P", "4P"), (119, 480), (2100, 6200), (560, 190, 190)),
    Kind("SLE", "Sporting Goods > Outdoor Recreation > Camping & Hiking > Sleeping Bags",
         "sg-4-2-14", {"de": "Schlafsack", "fr": "Sac de couchage", "en": "Sleeping Bag"},
         {"de": "Er packt sich klein und wärmt auch bei Temperaturen unter dem Gefrierpunkt.",
          "fr": "Il se range dans un petit volume et tient chaud même quand il gèle.",
          "en": "It packs small and keeps warm even below freezing."},
         _OUTDOOR, ("down", "polyester"), ("190 cm", "205 cm", "220 cm"), (69, 320), (850, 1900), (380, 220, 220)),
    Kind("BAC", "Luggage & Bags > Backpacks > Hiking Backpacks",
         "lb-1-15", {"de": "Wanderrucksack", "fr": "Sac à dos de randonnée", "en": "Hiking Backpack"},
         {"de": "Das Tragesystem ist verstellbar, und die Regenhülle steckt im Bodenfach.",
          "fr": "Le dos est réglable et la housse de pluie se range dans le fond.",
          "en": "The back length is adjustable and a rain cover sits in the base."},
         _OUTDOOR, ("ripstop nylon", "polyester"), ("25 l", "35 l", "50 l"), (59, 210), (800, 1900), (620, 320, 200), "Colour"),
    Kind("HAM", "Sporting Goods > Outdoor Recreation > Camping & Hiking > Camping Hammocks",
         "sg-4-2-20", {"de": "Hängematte", "fr": "Hamac de camping", "en": "Camping Hammock"},
         {"de": "Gurte zum Aufhängen liegen bei, und der Packbeutel passt in jede Jackentasche.",
          "fr": "Les sangles sont fournies et le sac de rangement tient dans une poche.",
          "en": "Straps are included and the stuff sack fits in a jacket pocket."},
         _OUTDOOR, ("ripstop nylon", "cotton"), ("260 cm", "300 cm"), (25, 95), (420, 1100), (220, 140, 110)),
    Kind("HEA", "Hardware > Tools > Flashlights & Headlamps > Headlamps",
         "ha-15-16-2", {"de": "Stirnlampe", "fr": "Lampe frontale", "en": "Headlamp"},
         {"de": "Der Akku lädt in zwei Stunden und leuchtet eine ganze Nacht.",
          "fr": "La batterie se recharge en deux heures et éclaire toute une nuit.",
          "en": "The battery charges in two hours and lasts a whole night."},
         _OUTDOOR, ("aluminium", "abs"), ("200 lm", "400 lm", "750 lm"), (19, 89), (70, 190), (90, 70, 60)),
    Kind("BLO", "Toys & Games > Toys > Building Toys",
         "tg-5-7", {"de": "Holzbausteine", "fr": "Blocs de construction", "en": "Building Blocks"},
         {"de": "Alle Teile sind glatt geschliffen und passen genau aufeinander.",
          "fr": "Toutes les pièces sont poncées et s'emboîtent avec précision.",
          "en": "Every piece is sanded smooth and fits the others exactly."},
         _TOYS, ("beech", "maple"), ("50 pcs", "100 pcs", "200 pcs"), (19, 79), (900, 3900), (320, 240, 110)),
    Kind("PUZ", "Toys & Games > Puzzles > Jigsaw Puzzles",
         "tg-4-7", {"de": "Puzzle", "fr": "Puzzle", "en": "Jigsaw Puzzle"},
         {"de": "Die Teile aus festem Karton rasten sauber ein und spiegeln nicht.",
          "fr": "Ses pièces en carton épais s'assemblent nettement et ne brillent pas.",
          "en": "The pieces of thick board lock cleanly and do not glare."},
         _TOYS, ("cardboard", "birch"), ("300 pcs", "500 pcs", "1000 pcs"), (9, 39), (380, 950), (340, 240, 50)),
    Kind("PLU", "Toys & Games > Toys > Dolls, Playsets & Toy Figures > Stuffed Animals",
         "tg-5-8-11", {"de": "Kuscheltier", "fr": "Peluche", "en": "Stuffed Animal"},
         {"de": "Es ist weich, waschbar und ab der Geburt geeignet.",
          "fr": "Elle est douce, lavable et convient dès la naissance.",
          "en": "It is soft, washable and suitable from birth."},
         _TOYS, ("plush", "cotton"), ("20 cm", "30 cm", "45 cm"), (12, 45), (110, 480), (250, 180, 150)),
    Kind("GAM", "Toys & Games > Games > Board Games",
         "tg-2-5", {"de": "Brettspiel", "fr": "Jeu de société", "en": "Board Game"},
         {"de": "Eine Partie dauert etwa vierzig Minuten und ist in fünf Minuten erklärt.",
          "fr": "Une partie dure environ quarante minutes et s'explique en cinq.",
          "en": "A game takes about forty minutes and is explained in five."},
         _TOYS, ("cardboard", "beech"), ("2-4", "2-6", "3-8"), (15, 59), (620, 1700), (300, 300, 70)),
    Kind("PHO", "Electronics > Audio > Audio Components > Headphones & Headsets > Headphones",
         "el-2-2-7-1", {"de": "Kopfhörer", "fr": "Casque audio", "en": "Headphones"},
         {"de": "Sie dämpfen Umgebungsgeräusche und spielen mit einer Ladung dreißig Stunden.",
          "fr": "Il atténue les bruits et joue trente heures avec une charge.",
          "en": "They cancel noise and play for thirty hours on one charge."},
         _ELECTRONICS, ("aluminium", "abs"), ("BT 5.0", "BT 5.3"), (39, 280), (180, 340), (220, 190, 90), "Colour"),
    Kind("CHA", "Electronics > Electronics Accessories > Power > Power Adapters & Chargers",
         "el-7-15-5", {"de": "USB-Ladegerät", "fr": "Chargeur USB", "en": "USB Charger"},
         {"de": "Es lädt Telefon und Laptop zugleich und bleibt dabei kühl.",
          "fr": "Il recharge téléphone et ordinateur à la fois sans chauffer.",
          "en": "It charges phone and laptop at once and stays cool."},
         _ELECTRONICS, ("abs", "aluminium"), ("20 W", "45 W", "65 W"), (14, 69), (60, 210), (110, 80, 40)),
    Kind("SPE", "Electronics > Audio > Audio Components > Speakers > Portable Bluetooth Speakers",
         "el-2-2-10-4", {"de": "Bluetooth-Lautsprecher", "fr": "Enceinte Bluetooth", "en": "Bluetooth Speaker"},
         {"de": "Er ist gegen Spritzwasser geschützt und klingt auch draußen voll.",
          "fr": "Elle résiste aux projections d'eau et sonne plein même dehors.",
          "en": "It is splash proof and sounds full even outdoors."},
         _ELECTRONICS, ("aluminium", "abs"), ("10 W", "20 W", "40 W"), (29, 190), (380, 1500), (220, 110, 110)),
    Kind("POW", "Electronics > Electronics Accessories > Power > Power Adapters & Chargers > Power Banks",
         "el-7-15-5-1", {"de": "Powerbank", "fr": "Batterie externe", "en": "Power Bank"},
         {"de": "Sie zeigt den Ladestand in Prozent und lädt zwei Geräte gleichzeitig.",
          "fr": "Elle affiche sa charge en pour cent et alimente deux appareils.",
          "en": "It shows its charge in percent and feeds two devices at once."},
         _ELECTRONICS, ("aluminium", "abs"), ("5000 mAh", "10000 mAh", "20000 mAh"), (19, 79), (130, 460), (160, 90, 30)),
    Kind("TEE", "Apparel & Accessories > Clothing > Clothing Tops > T-Shirts",
         "aa-1-13-8", {"de": "T-Shirt", "fr": "T-shirt", "en": "T-Shirt"},
         {"de": "Der Stoff ist dicht gestrickt, blickdicht und läuft nicht ein.",
          "fr": "Sa maille serrée est opaque et ne rétrécit pas.",
          "en": "The fabric is tightly knit, opaque and does not shrink."},
         _APPAREL, ("cotton", "merino wool"), ("180 g/m2", "220 g/m2"), (15, 65), (140, 230), (280, 220, 30), "Size"),
    Kind("RAI", "Apparel & Accessories > Clothing > Outerwear > Coats & Jackets > Rain Coats",
         "aa-1-10-2-10", {"de": "Regenmantel", "fr": "Manteau de pluie", "en": "Rain Coat"},
         {"de": "Alle Nähte sind verschweißt, und die Kapuze lässt sich abnehmen.",
          "fr": "Toutes les coutures sont soudées et la capuche est amovible.",
          "en": "All seams are taped and the hood comes off."},
         _APPAREL, ("polyester", "ripstop nylon"), ("5000 mm", "10000 mm"), (59, 240), (480, 980), (360, 280, 80), "Size"),
    Kind("SOC", "Apparel & Accessories > Clothing > Socks > Crew Socks",
         "aa-1-18-3", {"de": "Socken", "fr": "Chaussettes", "en": "Crew Socks"},
         {"de": "Ferse und Spitze sind verstärkt, das Bündchen drückt nicht.",
          "fr": "Talon et pointe sont renforcés et le bord-côte ne serre pas.",
          "en": "Heel and toe are reinforced and the cuff does not pinch."},
         _APPAREL, ("merino wool", "cotton"), ("2 pairs", "3 pairs"), (9, 35), (70, 190), (220, 120, 40), "Size"),
    Kind("SNE", "Apparel & Accessories > Shoes > Sneakers",
         "aa-8-8", {"de": "Sneaker", "fr": "Baskets", "en": "Sneakers"},
         {"de": "Die Sohle federt, und das Fußbett lässt sich herausnehmen.",
          "fr": "La semelle amortit et la première se retire.",
          "en": "The sole cushions and the footbed can be taken out."},
         _APPAREL, ("leather", "canvas"), ("low", "mid"), (49, 160), (620, 1100), (330, 210, 120), "Shoe size"),
)  # fmt: skip
"""Kinds of products, household, outdoor, toys, electronics and apparel."""

SERIES = ("Alba", "Brise", "Corvo", "Duna", "Estra", "Forte", "Galera", "Halm", "Isola", "Juno", "Kolma", "Lido", "Mira", "Nera", "Orla", "Pinea",
          "Quell", "Rondo", "Sola", "Taiga", "Ulmo", "Vento", "Wella", "Ystad", "Zeno")  # fmt: skip

COLOURS: tuple[Words, ...] = (
    {"de": "schwarz", "fr": "noir", "en": "black"},
    {"de": "weiß", "fr": "blanc", "en": "white"},
    {"de": "dunkelblau", "fr": "bleu marine", "en": "navy blue"},
    {"de": "grün", "fr": "vert", "en": "green"},
    {"de": "rot", "fr": "rouge", "en": "red"},
    {"de": "grau", "fr": "gris", "en": "grey"},
    {"de": "beige", "fr": "beige", "en": "beige"},
    {"de": "türkis", "fr": "turquoise", "en": "turquoise"},
)

MATERIALS: dict[str, Words] = {
    "abs": {"de": "ABS-Kunststoff", "fr": "plastique ABS", "en": "ABS plastic"},
    "aluminium": {"de": "Aluminium", "fr": "aluminium", "en": "aluminium"},
    "bamboo": {"de": "Bambus", "fr": "bambou", "en": "bamboo"},
    "beech": {"de": "Buchenholz", "fr": "hêtre", "en": "beech wood"},
    "birch": {"de": "Birkenholz", "fr": "bouleau", "en": "birch wood"},
    "canvas": {"de": "Segeltuch", "fr": "toile", "en": "canvas"},
    "cardboard": {"de": "Karton", "fr": "carton", "en": "cardboard"},
    "cast iron": {"de": "Gusseisen", "fr": "fonte", "en": "cast iron"},
    "cotton": {"de": "Bio-Baumwolle", "fr": "coton biologique", "en": "organic cotton"},
    "damask steel": {"de": "Damaststahl", "fr": "acier damas", "en": "Damascus steel"},
    "down": {"de": "Daunen", "fr": "duvet", "en": "down"},
    "glass": {"de": "Borosilikatglas", "fr": "verre borosilicate", "en": "borosilicate glass"},
    "leather": {"de": "Leder", "fr": "cuir", "en": "leather"},
    "linen": {"de": "Leinen", "fr": "lin", "en": "linen"},
    "maple": {"de": "Ahornholz", "fr": "érable", "en": "maple wood"},
    "merino wool": {"de": "Merinowolle", "fr": "laine mérinos", "en": "merino wool"},
    "oak": {"de": "Eichenholz", "fr": "chêne", "en": "oak wood"},
    "plush": {"de": "Plüsch", "fr": "peluche", "en": "plush"},
    "polyester": {"de": "Recycling-Polyester", "fr": "polyester recyclé", "en": "recycled polyester"},
    "ripstop nylon": {"de": "Ripstop-Nylon", "fr": "nylon ripstop", "en": "ripstop nylon"},
    "stainless steel": {"de": "Edelstahl", "fr": "acier inoxydable", "en": "stainless steel"},
    "steel": {"de": "Stahl", "fr": "acier", "en": "steel"},
    "tritan": {"de": "Tritan", "fr": "tritan", "en": "Tritan"},
    "willow": {"de": "Weide", "fr": "osier", "en": "willow"},
}

INTRODUCTIONS: dict[str, tuple[str, ...]] = {
    "de": ("{noun} {series} von {brand}, gefertigt aus {material}.", "{noun} aus {material} aus der Reihe {series} von {brand}.",
           "Mit {series} bringt {brand} ein Stück aus {material} in den Alltag, das lange hält."),
    "fr": ("{noun} {series} de {brand}, en {material}.", "Modèle en {material} de la gamme {series} signée {brand}.",
           "Avec {series}, {brand} propose un objet en {material} fait pour durer."),
    "en": ("{noun} {series} by {brand}, made of {material}.", "From the {series} range by {brand}: crafted from {material}.",
           "With {series}, {brand} brings a piece of {material} into everyday life that lasts."),
}  # fmt: skip

CARE: dict[str, tuple[str, ...]] = {
    "de": ("Angabe des Herstellers: {spec}. Farbe: {colour}.", "Lieferung in {colour}, Ausführung {spec}."),
    "fr": ("Indication du fabricant : {spec}. Couleur : {colour}.", "Livré en {colour}, version {spec}."),
    "en": ("Maker's rating: {spec}. Colour: {colour}.", "Comes in {colour}, version {spec}."),
}

CHOICE: Words = {
    "de": "In mehreren Ausführungen erhältlich.",
    "fr": "Disponible en plusieurs versions.",
    "en": "Available in several versions.",
}
"""Last sentence of a product that is sold in variants."""

SPEC_WORDS: dict[str, Words] = {
    "pcs": {"de": "Teile", "fr": "pièces", "en": "pcs"},
    "pairs": {"de": "Paar", "fr": "paires", "en": "pairs"},
    "low": {"de": "flach", "fr": "basses", "en": "low"},
    "mid": {"de": "halbhoch", "fr": "mi-hautes", "en": "mid"},
}
"""Words inside a spec that differ by language."""

FIRST_NAMES = ("Aylin", "Björn", "Camille", "Dörte", "Émile", "Fiona", "Grégoire", "Hannah", "Inès", "Jürgen", "Klara", "Léa", "Milan",
               "Noémie", "Oskar", "Pénélope", "Quentin", "Rosa", "Søren", "Théo", "Ursula", "Viktor", "Wiebke", "Zoé")  # fmt: skip
LAST_NAMES = ("Abendroth", "Bäcker", "Chevallier", "Dürrholz", "Estève", "Fairweather", "Gérard", "Hollowell", "Ingwersen", "Jägermann",
              "Küstner", "Lefèvre", "Mühlbach", "Nørgaard", "Osterkamp", "Prévost", "Quillfeather", "Röhrig", "Schönewald", "Thévenin",
              "Underhill", "Vögele", "Wetherby", "Zölle")  # fmt: skip

COUNTRIES: tuple[Country, ...] = (
    Country("DE", "Deutschland",
            (("Berlin", "10115", ""), ("Hamburg", "20095", ""), ("München", "80331", ""), ("Köln", "50667", ""), ("Dresden", "01067", ""),
             ("Leipzig", "04109", ""), ("Freiburg im Breisgau", "79098", ""), ("Münster", "48143", "")),
            ("Lindenweg {n}", "Am Mühlbach {n}", "Schillerstraße {n}", "Kastanienallee {n}"),
            (("030 23125 0{n}", "+4930231250{n}"), ("0171 392 00 1{n}", "+49171392001{n}"), ("0049 30 23125 1{n}", "+4930231251{n}"))),
    Country("FR", "France",
            (("Paris", "75011", ""), ("Lyon", "69002", ""), ("Marseille", "13001", ""), ("Toulouse", "31000", ""), ("Nantes", "44000", ""),
             ("Strasbourg", "67000", ""), ("Lille", "59000", ""), ("Bourg-en-Bresse", "01000", "")),
            ("{n} rue des Tilleuls", "{n} avenue du Moulin", "{n} place de l'Église", "{n} chemin des Prés"),
            (("01 99 00 {n} {m}", "+3319900{n}{m}"), ("02 61 91 {n} {m}", "+3326191{n}{m}"), ("01.99.00.{n}.{m}", "+3319900{n}{m}"))),
    Country("GB", "United Kingdom",
            (("London", "SW1A 1AA", ""), ("Manchester", "M1 1AE", ""), ("Bristol", "BS1 4DJ", ""), ("Edinburgh", "EH1 1YZ", ""),
             ("Leeds", "LS1 4AP", ""), ("Cardiff", "CF10 1EP", "")),
            ("{n} Orchard Lane", "{n} Mill Road", "{n} Chapel Street"),
            (("020 7946 0{n}1", "+442079460{n}1"), ("(0161) 496 0{n}2", "+441614960{n}2"))),
    Country("US", "United States",
            (("Las Vegas", "89101", "NV"), ("Boston", "02108", "MA"), ("Chicago", "60601", "IL"), ("Seattle", "98101", "WA"),
             ("Newark", "07102", "NJ"), ("Denver", "80202", "CO")),
            ("{n} Maple Avenue", "{n} Prospect Street", "{n} Juniper Court"),
            (("(702) 555-01{n}", "+170255501{n}"), ("617-555-01{n}", "+161755501{n}"), ("312.555.01{n}", "+131255501{n}"))),
    Country("AT", "Österreich",
            (("Wien", "1010", ""), ("Graz", "8010", ""), ("Linz", "4020", ""), ("Salzburg", "5020", "")),
            ("Rosengasse {n}", "Am Anger {n}"),
            (("01 234 56 {n}", "+43123456{n}"), ("0316 2345 {n}", "+433162345{n}"))),
    Country("NL", "Nederland",
            (("Amsterdam", "1012 AB", ""), ("Utrecht", "3511 AA", ""), ("Rotterdam", "3011 AA", "")),
            ("Molenweg {n}", "Lindelaan {n}"),
            (("020 123 {n} {m}", "+3120123{n}{m}"),)),
    Country("ES", "España",
            (("Madrid", "28001", ""), ("Barcelona", "08001", ""), ("Valencia", "46001", ""), ("Sevilla", "41001", "")),
            ("Calle del Olivo {n}", "Avenida del Puerto {n}"),
            (("912 34 {n} {m}", "+3491234{n}{m}"),)),
)  # fmt: skip
