# SPDX-License-Identifier: GPL-3.0-or-later
"""German names of materials and things, in the form of :mod:`.names`."""

from __future__ import annotations

GERMAN_NAMES = """
brick wall: Ziegelmauer, Backsteinmauer, Backsteinwand, Ziegelwand, Ziegelsteine, Backsteine, Klinker, Mauerwerk,
  Mauer, Schornstein, Ziegelstein
stone blocks: Steinmauer, Natursteinmauer, Burgmauer, Bruchsteinmauer, Schlossmauer, Steinblöcke, Burg, Stadtmauer,
  Turm, Burgwand, Tempelmauer, Festung, Kerkerwand
cobblestone: Kopfsteinpflaster, Pflastersteine, Pflaster, Katzenkopfpflaster, gepflasterte Straße, Altstadtgasse,
  Marktplatz
flagstone: Steinplatten, Natursteinplatten, Terrassenplatten, Gehwegplatten, Steinboden, Polygonalplatten, Terrasse,
  Gehweg
herringbone pavement: Fischgrät, Fischgrätpflaster, Fischgrätmuster, Verbundpflaster, Einfahrt
ceramic tiles: Fliesen, Kacheln, Badfliesen, Wandfliesen, Bodenfliesen, Küchenfliesen, Badezimmer, Badezimmerwand,
  Fliesenboden
hexagonal tiles: sechseckige Fliesen, Sechsecke, Waben, Sechseckfliesen, Hexagon Fliesen, Bienenwaben
checkerboard floor: Schachbrett, Schachbrettboden, Schachbrettmuster, karierte Fliesen, schwarzweiße Fliesen
mosaic: Mosaik, Mosaikfliesen, Glasmosaik, römisches Mosaik
roof shingles: Dachschindeln, Schindeln, Schieferdach, Schieferplatten, Schindeldach, Dach
roof tiles: Dachziegel, Ziegeldach, Dachpfannen, Tonziegel, Dachziegeln
rock: Fels, Felsen, Felswand, Gestein, Gebirge, Klippe, Höhlenwand, Stein, Berg, Höhle, Felsbrocken, Basalt
marble: Marmor, Marmorboden, Marmorplatte, Marmorsäule, Marmorwand, Statue
granite: Granit, Granitplatte, Arbeitsplatte aus Granit, Grabstein, Küchenarbeitsplatte
terrazzo: Terrazzo, Terrazzoboden
concrete: Beton, Betonwand, Betonboden, Sichtbeton, Estrich, Zement, Bunker, Bunkerwand, Parkhaus, Kellerwand,
  Tiefgarage
plaster: Putz, Wandputz, Rauputz, verputzte Wand, Hauswand, Gips, Kalkputz, Lehmputz, Zimmerwand, Fassade, Wand,
  Zimmerdecke
sandstone: Sandstein, Schichtgestein, Sandsteinfelsen, geschichteter Fels, Schlucht
cracked earth: trockener Boden, rissige Erde, Trockenrisse, ausgetrockneter Boden, ausgedörrte Erde, rissiger Lehm,
  Dürre
lava: Lava, Magma, flüssiges Gestein, Vulkan, Glut, Lavastrom, Hölle
water: Wasser, Meer, See, Ozean, Wasseroberfläche, Fluss, Wellen, Teich, Schwimmbecken, Bach
ice: Eis, Eisfläche, gefrorener See, Gletscher, Eisdecke, Eishöhle
sand: Sand, Strand, Wüstensand, Düne, Dünen, Sandstrand, Wüste
gravel: Kies, Schotter, Kiesweg, Splitt, Geröll, Schotterweg, Gleisbett
pebbles: Kieselsteine, Kiesel, Flusskiesel, runde Steine, Kieselstrand, Bachbett
soil: Erde, Boden, Schlamm, Matsch, Ackerboden, Gartenerde, Waldweg, Acker, Lehmboden, Dreck, Feldweg
grass: Gras, Rasen, Wiese, Fußballfeld, Kunstrasen, Weide
leaves: Laub, Blätter, Herbstlaub, Laubboden, Hecke, Efeu, Blätterdach, Waldboden mit Laub
moss: Moos, Moosboden, Flechten, Waldmoos, Moosteppich
snow: Schnee, Neuschnee, Schneedecke, Pulverschnee, Winterboden, Schneefeld
asphalt: Asphalt, Straße, Straßenbelag, Teer, Fahrbahn, Autobahn, Parkplatz, Rennstrecke
wood planks: Holzdielen, Holzbretter, Dielen, Bretter, Holzboden, Dielenboden, Holzplanken, Bretterwand, Scheune,
  Schiffsdeck, Holzwand, Eichendielen, Holzzaun, Holzkiste, Steg, Blockhütte, Fass, Zaun, Laminat
parquet: Parkett, Parkettboden, Fischgrätparkett, Eichenparkett, Stabparkett
wood grain: Holz, Holzmaserung, Eichenholz, Nussbaum, Kiefernholz, Furnier, Tischplatte, Buche, Ahornholz,
  Kirschholz, Tisch, Buchenholz, poliertes Holz, Mahagoni, Schrank, Schreibtisch, Holztür, Tür
tree bark: Rinde, Baumrinde, Borke, Eichenrinde, Baumstamm, Birkenrinde, Baum, Stamm
cork: Kork, Korkplatte, Pinnwand, Korkwand, Pressspan
wicker: Korbgeflecht, Rattan, Weidengeflecht, Korbstuhl, Wiener Geflecht
basket weave: Flechtwerk, Korb, Strohgeflecht, Bastmatte, Strohmatte, Korbmuster, Flechtmatte, Strohhut
woven fabric: Stoff, Leinen, Gewebe, Tuch, Baumwolle, Jute, Sackleinen, Leinwand, Vorhang, Segel, Tischdecke, Samt,
  Seide, Hemd
denim: Jeans, Jeansstoff, Jeanshose
knitted wool: Strick, Strickpullover, Wollpullover, Wolle, Strickmuster, Strickstoff, Pullover, Schal, Wollmütze,
  Wolldecke
quilted fabric: Polster, Steppstoff, gepolstert, Steppdecke, Sofa, Matratze, Steppjacke, Gummizelle
plaid fabric: Schottenkaro, kariert, Karostoff, Karomuster, Schottenmuster, Holzfällerhemd, kariertes Hemd, Kilt
striped fabric: Streifen, gestreifter Stoff, Streifenmuster, gestreift, Nadelstreifen, Zirkuszelt
carpet: Teppich, Teppichboden, Flokati, Auslegware, Fußmatte
camouflage: Tarnmuster, Tarnfarbe, Flecktarn, Camouflage, Tarnnetz, Soldatenuniform
leather: Leder, Ledersofa, Rindsleder, Lederjacke, Lederbezug, Wildleder, Stiefel, Gürtel, Sattel
reptile skin: Schlangenhaut, Krokodilleder, Reptilienhaut, Echsenhaut, Schlange, Krokodil, Dinosaurier, Echse
fish scales: Fischschuppen, Schuppen, Drachenschuppen, Fischhaut, Drache, Fisch, Meerjungfrau
fur: Fell, Pelz, Tierfell, Bärenfell, Haare, Wolfsfell, Bär, Wolf, Schaffell, Fuchs, Katze, Hund
feathers: Federn, Gefieder, Vogelfedern, Vogel, Flügel, Adler, Eule
leopard print: Leopardenmuster, Leopardenfell, Leopard, Gepard
zebra print: Zebrastreifen, Zebramuster, Zebra, Zebrafell, Tiger, Tigerfell
brushed metal: gebürstetes Metall, Edelstahl, gebürsteter Stahl, Stahl, Metall, Aluminium, Blech, Eisen, Schwert,
  Klinge
brushed metal; rusty: rostiges Metall, Rost, verrostetes Eisen, rostiger Stahl
diamond plate: Riffelblech, Tränenblech, Warzenblech, Ladefläche
corrugated metal: Wellblech, Trapezblech, Blechdach, Container, Wellblechhütte, Garagentor
hammered metal: gehämmertes Metall, Kupfer, gehämmertes Kupfer, Bronze, Gold, Rüstung, Schild, Helm, Kessel,
  Goldmünze
metal panels: Metallplatten, Stahlplatten, genietetes Metall, Raumschiff, Schiffsrumpf, Panzerung, Raumschiffwand,
  U-Boot, U-Boot Rumpf, Flugzeug, Panzer, Roboter, Tresor
perforated metal: Lochblech, Gitterrost, Lüftungsgitter, Lautsprechergitter, Gitter, Lautsprecher
chain mail: Kettenhemd, Kettenrüstung, Kettenpanzer, Ringpanzer, Ritter
wire mesh: Maschendraht, Drahtgeflecht, Maschendrahtzaun, Drahtzaun, Käfig, Netz
"""

GERMAN_COLOURS = {
    "red": "rot", "orange": "orange", "yellow": "gelb", "green": "grün", "teal": "türkis", "blue": "blau",
    "purple": "lila", "pink": "rosa", "brown": "braun", "black": "schwarz", "white": "weiß", "grey": "grau",
}  # fmt: skip
UNDECLINED = frozenset({"orange", "lila", "rosa", "türkis"})
GERMAN_STATES = {
    "mossy": "bemoost", "rusty": "rostig", "wet": "nass", "cracked": "rissig", "polished": "poliert",
    "dirty": "schmutzig", "dusty": "staubig", "worn": "abgenutzt", "scratched": "zerkratzt", "snowy": "verschneit",
    "rough": "rau", "smooth": "glatt", "dark": "dunkel", "pale": "hell",
}  # fmt: skip
GERMAN_FILLERS = (
    "nahtlose Textur, {}",
    "Textur von {}",
    "{} Textur",
    "{}, nahtlos",
    "{}, Draufsicht",
    "Foto: {}",
)
GERMAN_ENDINGS = ("e", "er", "es", "")
