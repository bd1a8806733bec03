# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in games, films and houses, and what each of it is made of, without its material being named.

A line is the plain caption of what is seen, a colon, and the things. :data:`PLACES` says it part by part: a part of a
place, such as the floor of a dungeon, is a phrase of its own.
"""

from __future__ import annotations

THINGS = """
brick wall: chimney, factory wall, fireplace, pizza oven, warehouse wall, row house wall, tenement wall, old mill
  wall, alley wall, brick kiln, furnace wall, loft wall, victorian house, townhouse wall, railway arch, industrial
  loft, bakery oven, london alley, new york apartment building, manchester mill, backyard wall, school building
  wall, barbecue grill stove, smokestack, garden wall, gatehouse wall, hearth, boiler house, new england house
  chimney, prison yard wall, bakery wall, tenement, brownstone, factory, mill building, pub wall, schoolhouse,
  terraced house, foundry, industrial building, brewery, old factory, workers house, power station wall, boiler
  chimney, garden barbecue, wine cellar vault, pizzeria oven, pub facade, loft apartment wall, warehouse facade,
  train station facade
stone blocks: castle, castle tower, fortress wall, fortress, keep, battlement, rampart, city wall, dungeon wall,
  dungeon, church wall, cathedral wall, temple wall, tomb wall, crypt, pyramid, medieval tower, watchtower,
  stronghold, citadel, monastery wall, prison cell wall, bridge pillar, stone bridge, ruins, ancient ruins,
  lighthouse wall, well shaft, catacomb, catacombs, mausoleum, crypt wall, abbey ruins, aztec temple, mayan pyramid,
  egyptian tomb, elven ruins, dwarven hall, wizard tower, minas tirith wall, hogwarts corridor, skyrim ruins, dark
  souls castle, great wall of china, stone arch, gargoyle ledge, castle dungeon, fort, bastion, parapet, viaduct,
  aqueduct, sewer wall, cathedral, chapel, medieval fort, manor wall, château wall, abbey, monastery, priory,
  turret, basilica, minster, old bridge, lighthouse, well, medieval house, dam of stone, ruin, fort wall, tower
  wall, minas tirith, hogwarts, castle rock wall, dungeon cell, prison tower, ancient wall, cistern, medieval city
  wall, moat wall, altar block, shrine wall, arch, buttress, vault of a church, torture chamber, oubliette, knight
  castle
cobblestone: medieval street, market square, village square, old town, town square, alley ground, castle courtyard,
  medieval road, harbour quay, victorian street, roman street, prague street, paris street, inn yard, stable yard,
  village road, old harbour, medieval town, piazza, old alley, horse carriage road, diagon alley, plaza, courtyard,
  market place, town alley, village lane, castle yard, medieval marketplace, cathedral square, inn courtyard, pub
  yard, old quarter, gas lamp street, alley in edinburgh, jack the ripper street, dickens street, medieval harbour,
  horse stable yard, coach road
flagstone: patio, terrace, garden path, church floor, castle floor, dungeon floor, temple floor, monastery floor,
  crypt floor, tomb floor, great hall floor, throne room floor, walkway, garden terrace, sidewalk, courtyard floor,
  cloister, castle hallway floor, medieval kitchen floor, cellar floor, arena floor, ruin floor, temple steps, altar
  floor, forum, garden walkway, poolside, porch floor, zen path, pavement, prison floor, footpath, stone stairs,
  stairway, castle stairs, kitchen floor of a castle, cloister walk, sanctuary floor, manor courtyard, forecourt,
  esplanade, farmhouse kitchen floor, hall floor, temple courtyard, chapel floor, pub floor, ruin ground, gallery
  floor of a castle, park walkway, footway, plaza floor, well yard
herringbone pavement: driveway, front yard, pedestrian zone, garage driveway, promenade, market pavement, courtyard
  of a country house, garden patio bricks, carport floor, brick path, suburban driveway, tudor floor, drive in front
  of a villa, garage drive, car port, suburban drive, town pavement, shopping street, pedestrian street, pedestrian
  precinct, town centre pavement, university court, english garden path, cottage path, rose garden path, manor
  drive, country house yard, dutch street, amsterdam street, delft street, bike lane in amsterdam, florence dome
  bricks, tudor chimney floor, stable block floor, estate driveway, terrace of bricks, patio of bricks, garden of a
  pub, beer garden ground, residential street, cul-de-sac drive, parking space at home
ceramic tiles: bathroom, bathroom wall, bathroom floor, kitchen wall, kitchen backsplash, shower, shower wall,
  public toilet, toilet wall, toilet floor, hospital wall, hospital floor, operating room, morgue, swimming pool
  wall, pool floor, subway station, metro station wall, underground station, laboratory wall, lab floor, locker
  room, butcher shop, sauna shower, spa wall, kitchen floor, restroom, laundry room, fish market wall, dentist
  office, asylum wall, stove tiles, washroom, public bath, hammam, restaurant kitchen, school toilet, clean room
  floor, bathtub surround, loo, lavatory, washroom wall, infirmary floor, canteen wall, cafeteria wall, steakhouse
  kitchen, dispensary, pool, shower room, bath house, tiled oven, changing room floor, toilet cubicle, wet room,
  saloon toilet, underground platform, autopsy room, dairy wall, butcher wall, pharmacy floor, veterinary clinic
  wall, kitchen splashback, washbasin wall
hexagonal tiles: insect hive, alien hive, force field, energy shield, shield generator, giant's causeway, turtle
  shell pattern, strategy game board, board game grid, tron floor, futuristic floor, sci-fi energy barrier,
  beekeeper frame, honey farm, wasp nest, hive wall, hexagon board game, virtual reality floor, soccer ball,
  football, bee house, honeycomb frame, honey, beehive, hive of bees, bumblebee nest, wasp hive, insect eye, fly
  eye, compound eye, turtle shell, tortoise shell, turtle back, shell of a turtle, basalt columns, devil's
  postpile, settlers of catan, catan board, civilization map, strategy map, hex map, war game map, battletech map,
  halo shield, energy field, laser shield, plasma shield, sci-fi shield, holodeck, holodeck wall, tron wall grid,
  cyber floor, robot skin, nano suit, crysis suit, snowflake pattern, carbon molecule, graphene, bolt pattern, nut
  pattern, pencil ends, football pattern, modern bathroom floor, cafe floor, bistro floor, vintage bathroom,
  brooklyn bathroom, cement tile floor
checkerboard floor: chess, draughts board, retro diner, 50s diner, american diner, barber shop floor, ska pattern,
  alice in wonderland floor, ballroom of a mansion, palace hall floor, finish flag, racing flag, masonic floor,
  dance floor, fast food restaurant floor, tiled hallway black and white, vans shoes, pizza parlour, wonderland,
  chess table, ice cream parlour, chess game, checkers game, draughts, queen of hearts floor, queen's gambit, wizard
  chess, harry potter chess, mad hatter, lewis carroll, palace hallway, old mansion hall, haunted mansion hall,
  masonic lodge, lodge of freemasons, twin peaks lodge, diner, burger diner, burger shop, route 66 diner, pulp
  fiction diner, grease diner, milkshake bar, ice cream bar, soda fountain, ska, two tone band, skate shoe, slip on
  shoes, formula one finish, race finish, checkered flag, taxi stripe, new york cab, grandma's kitchen floor,
  kitchen floor of the fifties, 60s kitchen floor, hairdresser floor, barber shop, barbershop, tattoo studio floor,
  rockabilly bar, laundromat floor, pharmacy of the fifties, hall in versailles, vermeer floor, dutch painting
  floor, conservatory floor, greenhouse floor, photoshop transparency, transparent background
mosaic: roman bath, roman villa floor, mosque wall, moroccan wall, byzantine church, fountain basin, gaudi bench,
  park guell, cathedral window, church window, turkish bath, ottoman palace, spa floor, swimming pool floor, pompeii
  floor, persian palace, alhambra, bathhouse, moroccan riad, arabian palace, ravenna church, moroccan fountain,
  antique bath, hamam, roman floor, roman house floor, villa of a senator, pompeii, caesar's palace, ancient bath,
  ephesus, ravenna, hagia sophia, basilica apse, icon, orthodox church dome, blue mosque, iranian mosque, samarkand,
  isfahan, casablanca mosque, marrakech, medina fountain, riad courtyard, portuguese station, lisbon bench,
  barcelona bench, gaudi roof, sagrada familia, casa batllo, hundertwasser house, art nouveau bath, nymph fountain,
  public pool wall, spa wellness wall, steam room, steam bath, turkish steam bath, cleopatra bath, mermaid grotto,
  neptune floor, aquarium wall, kaleidoscope, tiffany lamp, rose window, gothic window, church glass, colourful
  window, chapel window, cathedral glass, temple of bali, thai temple wall, pixel art wall, space invader wall art,
  subway art wall
roof shingles: house roof, cottage roof, witch house roof, farmhouse roof, suburban roof, church roof, manor roof,
  cabin roof, gable, dormer, castle tower roof, gothic roof, victorian roof, barn roof, attic roof, steeple, fairy
  tale house roof, wizard tower roof, hobbit house roof, alpine chalet roof, norwegian stave church, haunted house
  roof, village roof, roof, rooftop of a house, gazebo roof, tudor house roof, spire, bell tower roof, dollhouse
  roof, treehouse roof, shed top, chalet roof, bungalow top, convent roof, manor house roof, church steeple, lodge
  roof, gatehouse roof, inn roof, tower top, turret roof, farm roof, mansion roof, pinnacle of a church, mill roof,
  boathouse roof, tavern roof, kennel roof, bird house roof, shed roof of wood, school roof
roof tiles: mediterranean house, villa roof, italian village roof, spanish house roof, pagoda roof, temple roof,
  hacienda, tuscan villa, provence house roof, chinese temple roof, greek taverna roof, japanese castle roof,
  bungalow roof, monastery roof, roman villa roof, dojo roof, samurai castle roof, florence rooftops, mexican house
  roof, lisbon roofs, shrine roof, pavilion roof, tea house roof, roman house, trattoria roof, finca roof, riad
  roof, old town roofs, rooftops of prague, sicilian village, chapel roof in italy, forbidden city roof, torii
  shrine roof, mosque roof in turkey, mediterranean rooftop, monastery in spain
rock: mountain, mountain side, cave, cave ceiling, cavern, canyon wall, asteroid, asteroid surface, moon surface,
  mine wall, mine tunnel, mine, goblin cave, golem, stone golem, troll skin, gargoyle, quarry, gorge, ravine,
  grotto, fjord, crag, mountain peak, sea cliff, coast cliff, dragon lair, planet surface, alien planet, mars rock,
  climbing wall, statue base, menhir, stonehenge, stone age cave, mineshaft, tunnel wall, rock formation, monolith,
  mount everest, alps, stalactite, bear cave, batcave, earth golem, mount doom, tor, summit, reef, stone giant,
  outcrop, standing stone, cave floor, dwarf mine, pinnacle, ridge, rocky hill, hill fort rock, glen rock,
  precipice, canyon cave, underground lake wall, troll cave, dragon cave, cave entrance, meteor, comet, planet,
  alien rock, moon, the moon, mars, lunar surface, rocky planet, hermit cave, stone age tool, ogre cave, tomb raider
  cave, sea cave, cliffside, mountain wall, slope of a volcano, mountains, cliffs of dover, rock island, giant's
  fist, boulder field, titan skin, gorgon victim, petrified skin, dungeon cave, mountain pass
marble: statue, greek statue, roman statue, column, greek temple, roman column, bust, palace floor, palace wall,
  luxury bathroom, hotel lobby, hotel lobby floor, bank lobby, luxury kitchen counter, museum floor, taj mahal,
  fireplace mantel, michelangelo statue, sculpture, roman bath wall, sarcophagus, altar, pantheon, parthenon,
  parthenon column, royal palace, throne, goddess statue, mantelpiece, luxury countertop, mansion floor, white house
  lobby, baroque altar, angel statue, olympus, greek column, palace stairs, ballroom stairs, obelisk polished,
  temple of zeus, pedestal, washstand top, bath sink, bust of caesar, venus statue, david statue, staircase of a
  palace, capitol column, courthouse column, temple column, vestibule, banister of a palace, hotel bathroom, spa
  floor luxury, white house floor, lincoln memorial, acropolis, colonnade, mausoleum of a king, fountain statue,
  cupid statue, cathedral altar, royal bath, noble staircase, egg of marble, chessboard figure, lobby column,
  ballroom column, mantel, washbasin, vanity top, washstand, sink top, bar of a grand hotel, cherub statue
granite: kitchen counter, kitchen countertop, worktop, tombstone, gravestone, headstone, curb, kerbstone, monument,
  bank building facade, grave, countertop, memorial, plinth, mount rushmore, kitchen island, war memorial, cemetery
  stone, obelisk, curling stone, bar top, millstone, skyscraper lobby wall, stone sink, building plinth, tomb slab,
  doorstep, stone bench, war monument, bollard, curbstone, bank counter, grave slab, bridge parapet, memorial wall,
  pier stone, skyscraper base, kitchen worktop, bathroom counter, vanity counter, paperweight, mortar and pestle,
  flagpole base, embassy plinth, cemetery, churchyard stone, crypt slab polished, egyptian obelisk, statue pedestal,
  breakfast bar
terrazzo: airport floor, school corridor, shopping mall floor, hospital corridor floor, office lobby, 70s floor,
  mall floor, metro floor, school hallway, retro floor, train station hall floor, cafeteria floor, supermarket
  floor, airport terminal, ice cream shop counter, memphis pattern, university hallway, stairwell floor, italian
  apartment floor, lobby floor, clinic corridor, courthouse floor, school stairs, bank floor, hospital lobby,
  department store floor, museum hall, canteen floor, stairwell, embassy hallway, hotel foyer, cinema foyer, city
  hall floor, bus terminal floor, arcade floor
concrete: bunker, bunker wall, bunker floor, parking garage, parking garage floor, parking deck, skyscraper, dam,
  tunnel, basement, basement wall, basement floor, cellar wall, garage floor, warehouse floor, factory floor,
  skatepark, skate ramp, sidewalk slab, brutalist building, overpass, bridge pier, nuclear silo, prison wall,
  prison, office building, silo, soviet apartment block, pillbox, nuclear reactor, cooling tower, highway bridge,
  fallout shelter, vault, runway, sewer pipe, sewer, staircase of an office, air raid shelter, half life corridor,
  military base, military bunker, construction site, apartment block, plattenbau, jersey barrier, berlin wall,
  launch pad, culvert, hangar floor, ghetto wall, stadium stand, post apocalyptic building, chernobyl building,
  underpass, loading dock, metro tunnel, backrooms garage, patio slab, stadium, office tower, parking lot wall, car
  park, motorway bridge, retaining wall, silo tower, storm drain, bomb shelter, industrial hall floor, workshop
  floor, garage wall, prison corridor, blast wall, sea wall, harbour wall, pier of a bridge, skate park, loading
  bay, stairwell of a parking garage, launch silo, anti tank barrier, power plant wall, laboratory bunker, subway
  platform, underpass wall, secret base, gun emplacement, playground wall, street gutter, kerb, drainpipe, water
  tower base, dungeon of a modern prison, brutalist church, block of flats, tower block, storey of a car park
plaster: house, cottage wall, living room wall, bedroom wall, ceiling, kitchen wall paint, house facade, apartment
  wall, mediterranean house wall, greek island house, santorini house, pueblo, hut wall, mud hut, desert house,
  tatooine house, farmhouse wall, hallway wall, corridor wall, classroom wall, hotel room wall, timber frame infill,
  half timbered wall, mosque dome, chapel wall, spanish village wall, mexican house wall, museum wall, gallery wall,
  office wall, room wall, church ceiling, inn wall, tavern wall, villa wall, hobbit hole wall, attic wall, nursery
  wall, moroccan house, igloo-like adobe hut, wall, interior, bedroom, living room, stairwell wall, arab house,
  hospital room wall, cafe wall, art gallery, abandoned house wall, dollhouse wall, backrooms wall, bungalow, hostel
  wall, guesthouse wall, condo wall, farmhouse, villa, cottage, dormitory wall, parlour wall, nursery, corridor,
  foyer wall, boutique wall, restaurant wall, cafe, embassy facade, hotel facade, courtroom wall, boardroom wall,
  kiosk wall, closet wall, penthouse wall, office corridor, clinic wall, dining room wall, staircase wall, interior
  of a house, exterior wall, inner courtyard wall, balcony wall, medieval house wall between beams, town house
  facade, opera facade, consulate, hospice room wall, home
sandstone: canyon, grand canyon, desert cliff, mesa, petra, egyptian temple, egyptian wall, monument valley, sphinx,
  ayers rock, uluru, jordan desert cliff, layered canyon, antelope canyon, wild west canyon, utah desert, badlands,
  butte, desert temple, desert ruins, desert rock arch, arizona cliff, mars canyon, egyptian pyramid stone, hoodoo,
  bryce canyon, abu simbel, cowboy canyon, rock arch, indian cliff dwelling, pueblo cliff, temple of petra, indiana
  jones temple, desert fortress, desert monument, rocky desert, navajo land, route 66 rocks, zion, egyptian column,
  colorado river cliff, roadrunner desert, dune sea rock, tomb of a pharaoh, ramses statue, karnak
cracked earth: desert, wasteland, drought, dry lake, dried river, death valley, salt lake, mad max desert, dead
  planet, arid land, dust bowl, post apocalyptic ground, badlands ground, dried swamp, barren land, outback, dried
  up pond, steppe in drought, wasteland ground, fallout ground, hot desert floor, barren planet, dry field, scorched
  earth, dust plain, dead lake, dry river, drought field, dry steppe, playa of burning man, dry waterhole, parched
  field, desert plain, dead soil, thirsty ground, climate change ground, apocalypse ground, dry basin, dry marsh,
  famine land, sun-baked ground
lava: volcano, volcano crater, hell, hell floor, fire planet, lava planet, mustafar, fire golem, fire elemental,
  demon skin, inferno, balrog, volcano eruption, fire, campfire embers, furnace inside, forge fire, underworld, hell
  portal, crater, fire demon, dragon fire, magma chamber, boss arena in hell, sun surface, star surface, burning
  coal, foundry melt, mordor, hellscape, volcanic eruption, infernal ground, phoenix, blacksmith forge embers,
  charcoal grill, hot coals, fire cave, magma river, fire temple, forge pit, crucible, smelter, molten core, hell
  gate, devil's floor, burning ground, burning skin, eruption, flaming ground, fire level, bowser's castle floor,
  fiery abyss, fire giant, pit of fire, fireplace embers, burning wood embers, ember, sun, hot core, blast furnace,
  burning planet, fire sword, ring of fire, hot iron in a forge
water: swimming pool, aquarium, sea bed seen from above, fountain, harbour basin, puddle, canal, venice canal,
  lagoon, bay, ocean floor seen through waves, underwater, lake surface, river surface, waterfall, bathtub, pirate
  bay, shark water, hot tub, moat, rain puddle, atlantic, pacific, fjord water, tide, port, koi pond, kraken sea,
  flood, spring, reservoir, ocean planet, open sea, sea of thieves, creek, brook, oasis, mermaid lagoon, surf, bath,
  marina, coast seen from above, tank of water, rain barrel, fish tank, dolphin pool, shore water, seaside, gulf,
  strait, harbor, harbour, inlet, estuary, delta, stream water, rapids, ship wake, riverboat ride, baltic sea, north
  sea, mediterranean, north atlantic, ocean wave, loch ness, loch, mountain lake, water hole, aqua park, water
  slide, naval battle, sea battle, drinking fountain, tidal pool, mill pond, water level, deluge, whirlpool, coral
  lagoon, rice paddy, water tank level, submarine window view
ice: ice cave, hockey rink, iceberg, frozen throne, ice palace, ice planet, hoth, arctic sea, frozen river, ice
  queen castle, ice castle, skating rink, antarctica, ice golem, frozen kingdom, frozen waterfall, ice cube, ice
  dragon lair, north pole, ice rink floor, frost giant skin, polar cap, ice temple, arctic, ice floe, icicle, europa
  moon, fortress of solitude, frozen window, freezer wall, winter lake, snow queen palace, crystal cave, gemstone,
  crystal, frozen fjord, frozen castle, elsa palace, ice hotel, ice bar, ice hockey, frozen lake floor, frozen pond
  for skating, frost giant, ice giant, ice wizard, ice monster, ice armour, ice level, frozen planet, icy planet,
  frozen tundra lake, titanic iceberg, ice fishing lake, ice sculpture, glass of frost, frozen glass, frozen ground
  of a rink, cryo chamber, curling rink, ice age glacier, ice age, ice sword, diamond, gem, ruby, sapphire, jewel,
  icicles
sand: sahara, dune, arrakis, tatooine, volleyball court, desert planet, egypt desert, sandbox, sandcastle, sea
  floor, sea bed, desert island, dune planet, tropical island, tropical beach, playground sandpit, arena sand,
  gladiator arena, pharaoh desert, long jump pit, golf bunker, beach bar ground, arabian desert, maldives beach,
  gobi, ocean floor, colosseum floor, caribbean island beach, hourglass, treasure island, lagoon bottom, camel
  track, oasis ground, surf beach, seabed, lido, cove, bay beach, surf spot, desert camp, desert village, camel
  caravan, caravan route, sandstorm planet, bedouin camp, lawrence of arabia, pyramid surroundings, fremen land,
  jakku, sarlacc pit, spice planet, ocean bottom, shipwreck ground, crab beach, bikini bottom, coral reef ground,
  volleyball field, horse arena, riding arena, circus ring, bullring, dojo yard, beach party ground, crash site in
  the desert, nomad land, sand castle, turtle nest, seashore, coast
gravel: railway track, railroad track bed, train track bed, rail bed, construction site ground, parking lot of a
  farm, country road, quarry ground, mountain path, flat roof, japanese rock garden, driveway of a mansion, cemetery
  path, park path, forest road, hiking trail, mountain trail, landslide, collapsed building, castle path, roadside,
  train tracks, rail track, pit ground, playground ground, petanque court, mountain scree, crater floor, demolished
  house, bombed city, railway line, railway embankment, tram track, train line, farm yard, rural road, dirt parking
  lot, hill path, alpine path, moraine, glacier moraine, rockfall, bomb site, earthquake ruin, ruined city ground,
  path in a cemetery, drive, churchyard path, gravel pit, mine heap, spoil heap, construction road, roof of an
  office, railroad, railroad bed, wild river bank, mining site, gold mine ground, track ballast, station track
pebbles: brook bed, creek bed, brighton beach, mountain stream, nice beach, koi pond ground, japanese garden,
  aquarium ground, spa stones, river bank, lake shore, terrarium ground, stream bank, sea shore, rocky shore, creek
  bottom, fish tank floor, zen garden, river bottom, lakeside, shore, dinosaur eggs, shingle shore, foot massage
  path, wadi bed, seaside stones, nice promenade beach, lake bottom, waterhole stones, trout stream, koi pool edge,
  spa path, zen path stones, glen river, mosaic path of river stones, alpine river, salmon river, beaver dam bottom,
  waterfall pool, spring basin, shore of a lake, otter beach, cove beach in croatia, gold rush river, prospector
  stream
soil: garden bed, flower bed, field, acre, farm field, vegetable patch, grave soil, battlefield, trench, trench
  wall, swamp ground, pigsty, pig pen, tractor tracks, molehill, flower pot, construction pit, plowed land, burrow,
  stable floor, trenches of world war one, rally track, motocross track, digging site, swamp, bog, orc camp ground,
  worm tunnel, ant hill, graveyard ground, village path, minecraft dirt, earth mound, rice field, farmyard, stardew
  valley farm, dig site, marsh, plantation, potato field, crop field, cornfield ground, allotment, greenhouse bed,
  worm farm, badger den, rabbit hole, fox den, hole in the ground, open grave, freshly dug grave, trench floor,
  foxhole, shell crater, footpath in the woods, animal track, rodeo arena, corral, kraal, boar wallow, mud bath, mud
  wrestling, zombie grave, festival ground, campsite ground, viking village ground, celtic village ground, orc
  village, medieval village ground, hamlet path, ground of a stable, archaeological site, pottery clay, garden
  mould, seed bed, vineyard, orchard soil, peat bog, moor, stone age village
grass: garden, park, football field, soccer field, golf course, village green, hobbit hill, shire, hill, prairie
  land, cricket pitch, baseball outfield, minecraft grass block, cow pasture, horse paddock, picnic area, front
  lawn, backyard, playground lawn, zelda field, hyrule field, football stadium, tennis lawn, animal crossing ground,
  rolling hills, valley, windows xp hill, sheep meadow, countryside, field in spring, alpine pasture, stadium pitch,
  garden lawn, rugby pitch, fairway, putting green, rugby field, croquet lawn, garden of a castle, castle green,
  campus lawn, cemetery lawn, campsite, fairground, polo field, horse pasture, paddock, pasture in ireland, irish
  hills, scottish hills, highlands, green hill zone, green hill, teletubbies hill, mario world ground, farm meadow,
  cow field, flower meadow, spring meadow, dyke, heath, savannah, riding meadow, lawn of a villa, backyard of a
  house, dog park, palace garden, royal park, battlefield in the shire, pokemon field, minecraft ground, fortnite
  field, medieval tournament field, jousting field, wimbledon, kite hill
leaves: forest, jungle, jungle floor, autumn forest, autumn park, maze wall, garden hedge, treetop, tree crown,
  canopy, tree leaves, bush, wood in autumn, forest in autumn, october forest, rain forest, hedge maze, ghillie
  suit, compost heap, park in autumn, overgrown wall, overgrown ruin, bushes, secret garden wall, poison ivy,
  thicket, arbour, topiary, jungle wall, plant wall, vertical garden, tree in summer, tree in autumn, tree top, oak
  in autumn, birch forest in autumn, forest path in autumn, garden fence hedge, labyrinth, labyrinth hedge, privet,
  thorn bush, rose bush, bramble, vineyard leaves, laurel, holly, banana plant, tarzan jungle, vietnam jungle,
  amazon, amazon rainforest, rainforest canopy, undergrowth, shrub, shrubs, vegetation, plants, plant, greenery,
  predator jungle, sniper suit, leaf armour, green man face, wreath, lettuce, cabbage, tea plantation, bird nest in
  a bush, mangrove leaves, overgrown house, overgrown fence, garden arch
moss: forest ground, enchanted forest, fairy forest, swamp stone, elven forest, fairy garden, old grave, iceland
  ground, rainforest floor, druid grove, fangorn, wet rock in a forest, japanese moss garden, bog ground, tundra,
  deep forest, damp cave floor, shadowy woods, mystic forest floor, bonsai ground, forest stones, troll forest, wet
  tree stump, fairy glade, fen, swampy ground, mossy cave, elf glade, glade, troll bridge stone, old well stones,
  old tombstone in a forest, wet forest, temperate rainforest, pacific northwest forest, fern forest ground,
  mushroom forest ground, witch forest, bayou, dagobah, swamp planet, swamp tree, moss garden, kyoto garden,
  forgotten temple stone, sunken ship, sloth fur green, terrarium, ent skin, lichen, iceland lava field, norwegian
  forest ground, mushroom ground, zombie skin, damp wall in a cellar
snow: winter, ski piste, avalanche, christmas ground, winter forest ground, north pole ground, snowman, polar
  landscape, alps in winter, winter wonderland, igloo, sledding hill, siberia, mountain top in winter, yeti lair,
  santa's village, ski resort, narnia, winterfell ground, winter field, mount everest summit, snowball, arctic
  ground, antarctic plain, ski run, ski jump, ski hill, snowboard park, bobsleigh hill, mountain cabin ground,
  alpine winter, lapland, finland in winter, alaska, greenland, yukon, snow planet, hoth ground, skyrim mountain,
  ice age ground, penguin colony ground, polar station, mount fuji top, everest, himalaya, himalayas, kilimanjaro
  top, advent scene, santa claus land, snowball fight, snow leopard home, iditarod trail, sled dog track, husky
  trail, winter street, winter road, white christmas, sleigh ride, snow fort, iglu, blizzard
asphalt: street, race track, highway road, airport runway, gas station ground, city road, gta street, parking space,
  bus stop ground, school yard, basketball court, racing game track, driveway of a garage, crossroads, bicycle lane,
  suburb street, formula 1 track, mario kart track, tunnel road, intersection, freeway, bus lane, taxi rank,
  autobahn, route 66, petrol station, los angeles street, zebra crossing road, bike path, roundabout, helipad, motor
  speedway, need for speed road, boulevard, avenue, main street, side street, side road, back street, ring road,
  interstate, interstate highway, expressway, bypass, parkway, cul-de-sac, drag strip, go-kart track, pit lane, pit
  stop, start grid, taxiway, airstrip, landing strip, airfield, truck stop, drive-in, gas station, forecourt of a
  petrol station, bus station, bus station ground, school playground, street court, street basketball, street
  hockey, skateboard street, roller rink, zebra crossing, crosswalk, pedestrian crossing, toll road, pothole, car
  race, police chase, traffic jam, grand theft auto, new york street, tokyo street, drift track, monaco track,
  nascar, le mans, country road with lane markings, street with manhole, supermarket parking
wood planks: barn, barn wall, barn door, log cabin, cabin wall, ship deck, pirate ship deck, pirate ship, boat deck,
  boat hull, rowing boat, viking ship, galleon, jetty, pier, dock, boardwalk, wooden bridge, rope bridge, crate,
  treasure chest, barrel, wine barrel, saloon, saloon floor, western saloon, tavern floor, stage, theatre stage,
  attic floor, shed, shed wall, stable, stable door, garden shed, fence, palisade, wooden gate, castle gate,
  drawbridge, park bench, picnic table, pallet, shipping crate, coffin, wagon, cart, farm house door, dungeon door,
  medieval door, cellar door, ammo crate, treehouse, beach hut, chicken coop, dog house, viking longhouse, tavern,
  tavern table, inn floor, wild west house, hull of a sailing ship, raft, black pearl deck, titanic deck, ship's
  hull, noah's ark, sauna, sauna wall, sauna bench, garden fence, balcony floor, veranda, porch, gym hall floor,
  bowling alley, basketball hall floor, loft floor, bookshelf back, wooden crate, box, chest, caravel, dinghy,
  canoe, ferry deck, ski hut, forest hut, boathouse, gallows, trapdoor, mine supports, stocks, well cover, stockade,
  frontier fort, watermill wheel, windmill, hay loft, wooden house, western town, cargo box, mill floor, old gate,
  fishing hut, gondola, long ship, garden gate, fishing boat, cattle shed, hut, lodge, skiff, lifeboat, barge,
  ferry, houseboat, steamboat deck, schooner deck, schooner, frigate, corvette, man of war, mayflower, santa maria,
  viking boat, lodge wall, cottage floor, summer house, sauna cabin, ski lodge, bungalow on the beach, beach house,
  surf shack, bait shop, fisherman hut, farm gate, paddock fence, cattle fence, picket fence, corral fence, stall,
  stalls, market stall, kiosk, stagecoach, carriage, covered wagon side, hay wagon, wheelbarrow, wheel of a cart,
  wagon wheel, cannon carriage, catapult, siege tower, battering ram, trebuchet, fort apache, log fort, robin hood
  camp, treasure box, pirate chest, jewellery chest, casket, strongbox, fruit box, beer crate, apple box, banana
  box, tea chest, bunk, bunk bed, workbench, carpenter bench, scaffolding, trestle, garden table, beer table, beer
  bench, garden bench, swing seat, playground castle, tree house, rabbit house, beehive box, birdhouse, nesting box,
  outhouse, privy, gazebo, pergola, mill wheel, landing stage, quay, wharf, mooring, gangplank, plank walk, mast
  platform, crow's nest, minecraft planks, stage floor, dance hall floor, barn floor, dojo wall, stilt house, lake
  dwelling, oak barrel, keg, cask, tub, hot tub side, sawmill, saloon door, saloon wall, swing door, hen house,
  hobbit door, stave church, log cabin wall
parquet: ballroom, palace ballroom, museum parquet, apartment floor, living room floor, castle library floor, dance
  hall, versailles, music room floor, gym floor, mansion living room, old apartment floor, concert hall floor, villa
  floor, berlin apartment, bedroom floor, ballet studio, drawing room, salon, manor house floor, dining room floor,
  school gym, vienna apartment, classroom floor, hotel suite floor, gallery floor, noble floor, study floor, embassy
  floor, opera foyer floor, castle hall floor, music hall, dance studio floor, tango floor, reading room floor,
  parlour floor, penthouse floor, condo floor, townhouse floor, embassy salon, boardroom floor, courtroom floor,
  university hall floor, squash court, handball court, basketball arena, nba court, hall of mirrors, hermitage
  floor, palace bedroom, prewar apartment, paris apartment, flat floor, home floor, loft parquet, gallery hall,
  hallway floor of an apartment
wood grain: table, desk, door, cupboard, wardrobe, violin, guitar, piano, cutting board, chair, school desk, rifle
  stock, gun stock, drawer, cabinet, sideboard, dashboard trim, bar counter, shield back, wooden spoon, bed frame,
  bookshelf, baseball bat, bow, wizard staff, magic wand, broomstick, chopping board, kitchen cabinet, speaker box,
  church pew, rocking chair, kitchen table, coffee table, dining table, picture frame, tabletop, cello, axe handle,
  club, cabinet door, crib, furniture, desk top, pencil, skateboard deck, surfboard, counter of a pub, pub table,
  nutcracker, office desk, board game box, chessman, wooden toy, puppet, pinocchio, sledge, clog, ruler, pipe,
  hammer handle, bed, stool, bench, ukulele, walking stick, banister, stair rail, window frame, door frame, front
  door, crossbow, spear shaft, wooden leg, domino, coffin lid, harp, lute, viola, bass guitar, acoustic guitar,
  electric guitar, banjo, mandolin, fiddle, flute, recorder, clarinet, oboe, drum stick, drumsticks, xylophone,
  marimba, grand piano, organ, metronome, bookcase, dresser, chest of drawers, nightstand, buffet, vanity, bench in
  a church, lectern, pulpit, throne of wood, four-poster bed, headboard of wood, cot, high chair, bar, bar stool,
  barstool, counter, reception desk, shop counter, teacher's desk, workplace, judge bench, courtroom bench, jury
  box, gavel, conference table, boardroom table, poker table edge, billiard cue, pool cue, cricket bat, hockey
  stick, golf club head, tennis racket old, croquet mallet, oar, paddle, ship wheel, tiller, canoe paddle, snow
  shovel handle, spade handle, broom, rake, hoe handle, spear, lance, javelin, arrow, longbow, catapult arm,
  nunchaku, boomerang, tomahawk handle, gun grip, musket, flintlock, rifle, shotgun stock, knife handle, bread
  board, rolling pin, salad bowl, wooden plate, wooden bowl, cigar box, humidor, music box, cuckoo clock,
  grandfather clock, clock case, radio cabinet, old radio, jukebox, tv cabinet, matchbox toy, doll, marionette,
  rocking horse, train set, building blocks, chess piece, chess pieces, backgammon, scrabble tile, domino tile,
  abacus, crucifix, cross, rosary bead, totem, tribal mask, african mask, tiki mask, carved figure, figurehead, duck
  decoy, shoe last, crutch, stilts, ladder, step ladder, easel, drawing board, loom, spinning wheel, yoke, shutters,
  window shutter, blinds, staircase, handrail, stair, stairs of an old house, beam, roof beam, ceiling beam, rafter,
  pillar of wood, panelled wall, library wall, study wall, wainscoting, coach interior, yacht interior, captain's
  cabin, titanic cabin, speedboat deck, ski, snowboard core, sled, toboggan
tree bark: tree, oak tree, pine tree, palm tree, forest tree, old oak, dead tree, ent, treebeard, groot, giant tree,
  world tree, yggdrasil, spruce, fir, willow tree, elm tree, chestnut tree, tree house trunk, dryad skin, apple
  tree, sequoia, baobab, ancient tree, olive tree, cherry tree, fir tree, maple tree, haunted tree, christmas tree
  trunk, tree of life, great deku tree, whomping willow, larch, poplar, linden, campfire log, firewood, lumber, log
  pile, twig, branch, stump, totem pole, log house, blockhouse wall, forest creature, wood golem, cypress, mangrove,
  juniper, hollow tree, eucalyptus, elm, beech, rowan, hazel, alder, acacia, almond tree, plum tree, pear tree,
  peach tree, lemon tree, orange tree, fig tree, walnut tree, mulberry, mango tree, coconut tree, coconut palm, date
  palm, rubber tree, cork oak, bonsai, aspen, cottonwood, hickory, holly tree, yew, yew tree, magnolia, lime tree,
  lime, plane tree, monkey puzzle, kapok, redwood forest, redwood, oak forest, pine forest, pine, spruce forest,
  beech forest, black forest, sherwood forest, robin hood tree, mirkwood, ewok village tree, hangman tree, family
  tree, tree monster, talking tree, pocahontas tree, lightning tree, driftwood log, beaver dam, beaver lodge, bird
  nest tree, woodpecker tree, squirrel tree, owl tree, tree hole, tree root, roots of a tree, tree branch, palm,
  stem, woodpile, stack of firewood, campfire wood, wood for the stove, jungle tree, swamp tree trunk, willow,
  camouflage moth, stick insect
cork: wine bottle stopper, coaster, dart board, message board, yoga block, bottle stopper, memo board, school notice
  board, detective board, crime board, trivet, champagne stopper, shoe sole, handle of a fishing rod, office pin
  wall, evidence board, life belt filling, floor insulation, kindergarten pin board, bottle cork, champagne cork,
  wine stopper, notice wall, office board, school board, pin wall, memory board, photo board, map board, murder
  board, placemat of a pub, hot pad, bath mat of a spa, birkenstock sole, flute joint, fishing float, bobber,
  lifebuoy, dartboard, badminton ball head, yoga mat, recording studio wall, wine cellar souvenir
wicker: garden chair, picnic basket, beach chair, patio furniture, laundry basket, hot air balloon basket, baby
  basket, strandkorb, balcony furniture, easter basket, cradle, bicycle basket, conservatory chair, peacock chair,
  lamp shade boho, bistro chair, vienna chair, thonet chair, lounge chair seat, shopping basket, dog basket, fish
  trap, deck lounger, basket chair, moses basket, pram, baby carriage, log basket, wine basket, gift basket, hamper,
  linen basket, cane chair, cafe chair, french bistro chair, porch swing, sun lounger, hanging chair, egg chair,
  colonial chair, verandah chair, balloon basket, balloon gondola, carriage seat, dog bed basket, cat basket, picnic
  hamper, flower basket, bread tray, snake charmer basket, bassinet, fence of willow, screen of rattan, bali
  furniture, resort furniture
basket weave: bread basket, sun hat, beach bag, hawaiian hut wall, tropical hut wall, bamboo hut, tiki bar,
  placemat, japanese tea room floor, floor mat, dojo floor, japanese house floor, tiki hut, african hut wall,
  scarecrow hat, farmer hat, beehive skep, place mat, straw doll, bast bag, easter nest, asian hat, conical hat,
  samurai house floor, panama hat, hammock, straw bag, raffia hat, boater, gardening hat, sombrero, vietnamese hat,
  rice farmer hat, beach rug, tropical hut, bungalow in bali, polynesian hut, hula skirt, grass skirt, robinson
  crusoe hut, castaway hut, sushi mat, tea ceremony floor, sumo floor, judo mat, ryokan floor, ninja house floor,
  market basket, fruit basket, sewing basket, woven box, easter egg basket, snake basket, bamboo blind, bamboo
  screen, bamboo fence, bamboo wall, bamboo, raft of reeds, reed boat, doormat of coconut, scarecrow
woven fabric: curtain, shirt, t-shirt, tablecloth, bed sheet, pillow, sofa, couch, flag, banner, tent, sail, ship
  sail, pirate flag, potato sack, sack, coffee sack, sandbag, robe, monk robe, jedi robe, cape, tapestry, backpack,
  towel rack cloth, apron, bandage, mummy, mummy wrappings, dress, trousers, suit, blouse, skirt, office chair,
  lampshade, big top, teepee, tipi, yurt, painter canvas, parachute, hot air balloon, wedding dress, cloak,
  superhero suit, spider-man suit, batman cape, ninja suit, kimono, toga, shorts, sock, handkerchief, armchair
  cover, theatre curtain, stage curtain, bus seat, train seat, flour sack, bag of grain, mattress cover, karate
  suit, lab coat, uniform, chef jacket, turban, rag doll, tie, rope bag, awning, market stall cover, covered wagon,
  boxing ring floor, sling, ribbon, headscarf, veil, curtain wall, linen, coat, pants, vest, blazer, jacket,
  overcoat, trench coat, gown, tunic, habit of a nun, cassock, sari, burka, hijab, poncho of a cowboy, bathrobe,
  pyjama, pajama, nightgown, lingerie, bra, corset, underwear, boxer shorts, swimsuit, bikini, jumpsuit, tracksuit,
  sweatpants, slacks, leggings, waistcoat, tuxedo, pantsuit, cocktail dress, ball gown, tutu, glove, mitten cloth,
  bow tie, cravat, bandana, beret, fedora, baseball cap, hat, top hat, sun hat cloth, bag, tote bag, shoulder bag,
  pouch, duffel bag, sleeping mat, tarp, tarpaulin, marquee, party tent, military stretcher, director's chair,
  camping chair, folding chair, seat, car upholstery, airplane seat, cinema chair, theatre seat, bar stool seat,
  chair seat, ottoman, footstool, pouffe, beanbag, bedding, bed linen, bedsheet, duvet cover, pillowcase, cushion
  cover, napkin, dish cloth, rag, duster cloth, gauze, plaster bandage, sling bandage, wound dressing, kite,
  balloon, spinnaker, main sail, jib, flag of a ship, union jack, jolly roger, pennant, bunting, banner of a knight,
  heraldic banner, wall hanging, backdrop, photo backdrop, projection screen, painting, oil painting, artist canvas,
  coffee bag, grain sack, mailbag, money bag, sandbag wall, voodoo doll, doll dress, puppet clothes, mummy wrap,
  shroud, turin shroud, ghost costume, ghost, grim reaper robe, gandalf robe, gandalf, obi-wan robe, hermit robe,
  monk, pilgrim, peasant shirt, peasant clothes, medieval clothes, beggar clothes, renaissance dress, victorian
  dress, roman toga, egyptian dress, kilt lining, sailor collar, judo suit, samurai clothes, geisha dress, yukata,
  astronaut undersuit, superman suit, superman cape, batman suit, zorro cape, dracula cape, magician cape, robin
  hood tights, musketeer tabard, tabard, knight surcoat, surcoat, lining, cuff, sleeve, collar, hem, patch, fabric
  of a chair, velvet curtain, stage backdrop, lampshade cloth, umbrella cloth, pram cloth, laptop bag, mouse pad,
  book binding cloth, racing harness, seat belt, strap, webbing, rope, carbon fibre hood, carbon car part, race car
  part, f1 car body, drone frame, helmet carbon
denim: pair of jeans, jeans pocket, cowboy trousers, workwear, overalls, jeans jacket, cowboy pants, hipster jacket,
  levis, mechanic overalls, biker vest, work pants, jean shorts, patched jeans, trouser leg, mario overalls, minion
  overalls, jean skirt, dungaree, denim shirt, denim vest, cowgirl skirt, trucker jacket, skinny jeans, bell
  bottoms, ripped jeans, torn jeans, cargo jeans, teenager trousers, rancher trousers, gold digger trousers, miner
  trousers, farmer overalls, farmer dungarees, hippie trousers, steve jobs trousers, james dean trousers, rocker
  jacket, patch on jeans, pocket of trousers, back pocket, denim bag, super mario trousers
knitted wool: sweater, jumper, scarf, beanie, bobble hat, mittens, christmas sweater, ugly christmas sweater, winter
  hat, grandma's blanket, socks, woolly hat, tea cosy, winter scarf, baby blanket, gloves, woolen socks, pompom hat,
  leg warmers, norwegian sweater, fisherman sweater, poncho, ear warmer, turtleneck, stocking, christmas stocking,
  cap, shawl, weasley sweater, woolly jumper, cosy blanket, winter jumper, tights, bonnet, amigurumi, knitted toy,
  wool hat, muffler, headband, balaclava, snood, muff, mitten, glove in winter, winter gloves, ski hat, toque, tam,
  ski sweater, turtle neck, tank top of grandma, vest of a professor, baby socks, booties, baby hat, doily, wool rug
  of grandma, throw, throw blanket, afghan, pouf knitted, hot water bottle cover, egg cosy, cup cosy, dog sweater,
  nordic sweater, icelandic sweater, irish sweater, school sweater, harry potter scarf, hogwarts scarf, gryffindor
  scarf, doctor who scarf, football scarf, fan scarf, granny square, lambswool jumper, jersey, pompom, bed socks,
  ski socks, wool dress, sweater dress, wool tights, sock monkey, soft toy sheep, stuffed sheep, wool ball, ball of
  wool, yarn
quilted fabric: bed cover, sofa back, armchair, headboard, winter jacket, down jacket, sleeping bag, asylum cell,
  rubber room, padded room, luxury car seat, spacesuit, car seats, chesterfield sofa, bar bench, nightclub wall,
  couch cushion, hotel bed headboard, limousine interior, oven glove, pot holder, moving blanket, chanel bag, boxing
  pad, dog bed, sofa cushions, astronaut suit, patchwork quilt, luxury sofa, cinema seat, patchwork, throne cushion,
  cosy bed, restaurant booth, under armour padding, crib bumper, life jacket, ski jacket, casino wall, bomber jacket
  lining, car interior roof, chaise longue, loveseat, settee, recliner, wing chair, ottoman top, bench of a pub,
  booth, booth of a diner, diner booth, diner seat, 50s diner seat, limo seat, rolls royce seat, bentley seat,
  motorcycle seat stitching, gym bench, massage table, dentist chair, barber chair, piano stool, bed headboard,
  princess bed, king size bed, eiderdown, comforter, coverlet, parka, anorak, puffer jacket, down vest, snow suit,
  ski suit, moon suit, nasa suit, fencing jacket, baseball chest protector, medieval padded armour, arming doublet,
  baby carrier, playpen floor, play mat, gymnastics mat, mattress, camping mat, air mattress, cushions, cellphone
  case chanel, evening bag, purse of a lady, madhouse cell, madhouse wall, mental hospital cell, elevator padding,
  sound studio wall, cinema wall, whiskey lounge, gentlemen's club sofa, freud couch, psychiatrist couch, pool table
  cushion
plaid fabric: highlander kilt, lumberjack, picnic cloth, school uniform skirt, scottish clan, bagpipe bag,
  braveheart, table cloth of an italian restaurant, hipster shirt, cowboy shirt, outlander kilt, golf trousers,
  grunge shirt, thermos blanket, picnic rug, scotsman, highland warrior, punk trousers, farmer shirt, tea towel,
  pyjama trousers, woodcutter shirt, kilt of a scot, clan cloth, bagpiper, william wallace, sherlock holmes coat,
  sherlock coat, flannel pyjamas, boxer shorts pattern, school skirt, schoolgirl skirt, tea cloth, dish towel,
  kitchen towel, cowboy flannel, canadian shirt, paul bunyan shirt, kurt cobain shirt, nirvana shirt, rustic
  curtain, cabin blanket, camping blanket, stadium blanket, horse blanket, scarf of a scot, burberry scarf, golfer
  trousers, golf pants, clown suit checks, bavarian shirt, oktoberfest shirt, country curtain, bistro tablecloth,
  pizzeria tablecloth, trattoria tablecloth, caddy uniform, bay city rollers
striped fabric: circus tent, deck chair, prisoner clothes, prison uniform, sailor, pirate shirt, mime shirt, beach
  umbrella, parasol, candy cane, popcorn bag, barber pole, awning of a shop, ice cream van, beach tent, football
  jersey, striped socks, beetlejuice suit, referee shirt, gangster suit, gondolier shirt, where's wally shirt,
  pirate trousers, umbrella, popcorn box, lollipop, bath robe, mattress ticking, pyjamas, bumblebee costume, bee
  body, hammock cloth, clown trousers, sailcloth, circus, big top tent, circus curtain, popcorn stand, hot dog
  stand, fairground stall, carousel roof, lounger cover, lounge chair cover, sun shade, sunblind, windbreak, beach
  cabin, lighthouse stripes, wasp, bee, bumblebee, hornet, clown fish, clownfish, freddy krueger sweater, freddy
  sweater, ernie and bert shirt, obelix trousers, waldo, jailbird, chain gang, al capone suit, zoot suit, banker
  suit, business suit, referee, rugby shirt, football shirt, barcelona jersey, juventus jersey, socks of pippi
  longstocking, witch stockings, elf tights, gift wrap stripes, toothpaste, candy stick, humbug, apron of a butcher,
  butcher apron, barista apron, ice cream parlour awning, market awning, cafe awning, hickory stripe, railway cap,
  mattress in prison
carpet: hotel corridor, hotel hallway, cinema floor, office floor, casino floor, overlook hotel, theatre floor,
  airplane cabin floor, red carpet, living room rug, bedside rug, nursery floor, bowling centre floor, conference
  room floor, cat tree, car floor, backrooms floor, car boot lining, exhibition floor, library floor, airport
  lounge, cruise ship corridor, stair runner, aladdin's rug, flying carpet, prayer rug, trunk of a car, welcome mat,
  scratching post, mansion hallway floor, lobby floor of a hotel, ballroom carpet, cinema aisle, aisle of a plane,
  airplane floor, train floor, limousine floor, yacht cabin floor, motorhome floor, casino, gambling hall floor,
  vegas floor, the shining corridor, cubicle floor, open plan office, conference floor, boardroom rug, bedroom floor
  soft, bedroom rug, children's room rug, kids room floor, playroom floor, tv room floor, lounge floor, stage of a
  theatre red, oscar red carpet, vip entrance, throne room runner, stairs with runner, staircase runner, prayer
  hall, mosque floor, oriental bazaar, turkish bazaar, magic carpet, genie rug, bath rug, toilet rug, foot mat, boot
  mat, car mat, gym soft floor, golf simulator, minigolf ground, cat furniture, hamster ball floor, teddy paw,
  bathrobe terry, hand towel, bath towel, beach towel, towel, sauna towel, washcloth, mop
camouflage: soldier, tank, army tent, military vehicle, commando trousers, hunter jacket, sniper, army jeep,
  military truck, paintball vest, humvee, bunker net, soldier helmet, call of duty skin, rambo, special forces, army
  backpack, army boots, war game uniform, military drone, fighter jet, paratrooper, marine, military net, battle
  dress, airsoft rifle, gun skin, trooper, infantry, commando, gi, ranger of the army, green beret, army cap, field
  cap, combat trousers, combat boots cloth, combat jacket, combat helmet, helmet cover, army helmet, gun cover,
  howitzer, artillery, anti aircraft gun, tank turret, army truck, jeep, land rover of the army, personnel carrier,
  military plane, military helicopter, attack helicopter, warplane, spitfire, stuka, dropship of the marines,
  bivouac, field hospital tent, hunting blind, hunting stand, deer hunter, duck hunter, paintball, paintball field,
  lasertag, war zone, special ops, navy seal, metal gear solid, solid snake suit, arma uniform, battlefield soldier,
  counter terrorist, terrorist, guerrilla, rebel soldier, militia, mercenary, survivalist, prepper, scout, air soft
leather: sofa in a club, wallet, boot, boots, shoes, belt, saddle, book cover, old book, grimoire, whip, gloves of a
  biker, biker jacket, car seat, handbag, briefcase, suitcase, boxing glove, baseball glove, steering wheel, cowboy
  boots, cowboy hat, pirate boots, holster, quiver, rogue armour, ranger armour, thief gloves, scabbard, spellbook,
  necronomicon, diary, club chair, office chair of a boss, football ball, basketball, punching bag, drum skin,
  elephant, rhino, hippo, hippopotamus, walrus, whale, indiana jones jacket, bat wing, aviator jacket, horse saddle,
  armchair of a gentleman, purse, dog collar, watch strap, sandal, tool belt, bible cover, matrix coat, doctor's
  bag, motorcycle seat, catwoman suit, bridle, bellows, viking boots, medieval belt, shoe, moccasin, rucksack, gun
  holster, journal, orc skin, ogre skin, pirate hat, slipper, sneaker, trainers, brogue, oxford shoe, loafers, high
  heels, stiletto heel, knee boots, riding boots, army boots black, football boot, ice skate, roller skate, climbing
  shoe, clutch bag, satchel, school bag, messenger bag, laptop case, luggage, travel bag, travel trunk, trunk,
  toiletry bag, camera case, phone case, key fob, bookmark, organiser, planner, photo album, guest book, bible, old
  bible, tome, ancient tome, spell book, magic book, book of the dead, encyclopaedia, book, book spine, map case,
  scroll case, desk pad, desk top inlay, table football ball, rugby ball, american football, cricket ball, medicine
  ball, boxing bag, speed bag, vaulting horse, pommel horse, gymnastics buck, saddlebag, harness, halter, rein,
  reins, stirrup strap, dog leash, falconer glove, falconry hood, knife sheath, sheath, scabbard of a sword, dagger
  sheath, gun belt, bullet belt, bandolier, cowboy chaps, chaps, vest of a biker, hells angels, punk jacket, rocker,
  fonz jacket, pilot jacket, top gun jacket, trench coat of neo, matrix coat black, gestapo coat, blacksmith apron,
  welder apron, cobbler apron, viking belt, viking armour, hunter armour, wanderer boots, assassin armour, assassin
  hood, assassin's creed, lara croft holster, witcher armour, geralt armour, aragorn coat, barbarian belt, barbarian
  boots, roman sandals, gladiator sandals, gladiator skirt, tent of nomads, drum, bongo, tambourine, bagpipe,
  bellows of a forge, accordion strap, guitar case, violin case, steering wheel of a car, gear stick, car interior,
  sports car seat, ferrari seat, oldtimer seat, airplane seat first class, club armchair, chesterfield armchair,
  office armchair, executive chair, gaming chair, barber seat, sofa of a villa, lounge sofa, couch of a lawyer,
  dominatrix suit, catsuit, whip of indiana jones, bull, buffalo hide, water buffalo, manatee, seal, sea lion,
  dolphin, orca, stingray, shark, armadillo belly, warthog, pig, swine, piglet, naked mole rat, rhinoceros, bat,
  pterodactyl wing, demon wings, gargoyle wings, devil skin, imp skin, ogre, orc, troll, goblin skin, shrek
reptile skin: snake skin boots, crocodile bag, dinosaur, t-rex, velociraptor, python, cobra, rattlesnake, basilisk,
  chameleon, iguana, komodo dragon, gecko, godzilla, lizardman, turtle, viper, anaconda, medusa, yoshi, jurassic
  park dinosaur, handbag of crocodile, swamp monster, lizard man, argonian, naga, alligator, crocodile, raptor, sea
  turtle, triceratops, serpent, wyrm, stegosaurus, toad, frog, salamander, newt, bowser, reptilian alien, kaiju,
  boa, nagini, adder, tyrannosaurus, brontosaurus, brachiosaurus, diplodocus, ankylosaurus, pterodactyl,
  spinosaurus, allosaurus, dino, dinosaur toy, sauropod, jurassic world, gator, caiman, mamba, black mamba, king
  cobra, asp, boa constrictor, sidewinder, skink, monitor, bearded dragon, thorny devil, basilisk from harry potter,
  slytherin snake, snake charmer's snake, kaa, rango, charmander, bulbasaur, sobek, killer croc, lizard monster,
  lizard king, reptile man, trandoshan, gorn, predator skin, alien skin, alien creature, space monster, ninja
  turtle, turtle leg, tortoise leg, frogman, frog skin, toad skin, bullfrog, tree frog, crocodile belt, crocodile
  shoes, crocodile boots, snake belt, snake boots, snake purse, python bag, alligator boots, armadillo, monster
  hide, swamp thing, gill man, creature from the black lagoon, gargantuan lizard, hydra skin
fish scales: mermaid, dragon, carp, salmon, trout, koi, goldfish, wyvern, smaug, sea monster, fish market, tuna,
  herring, fish body, siren tail, dragon armour, dragon egg, piranha, fish man, little mermaid, sardine, drake,
  merman, hydra, sea serpent, sushi fish, cod, dragon wings, aquaman suit, flipper costume, perch, pike, dragon
  belly, sea bass, toothless, game of thrones dragon, red dragon, kraken, leviathan, roman armour, samurai armour,
  disco dress, glitter dress, haddock, barracuda, sturgeon, marlin, perch fish, bass, sea bream, snapper, mackerel,
  anchovy, guppy, minnow, betta fish, siamese fighter, fighting fish, angelfish, arowana, coelacanth, sea dragon,
  water dragon, ice dragon, fire dragon, black dragon, green dragon, gold dragon, chinese dragon, dragon hide
  armour, dragon tail, dragon neck, dragon shield, dragon skin boots, drogon, daenerys dragon, how to train your
  dragon, night fury, skyrim dragon, alduin, eragon dragon, saphira, spyro, mushu, haku, charizard, gyarados,
  magikarp, dory, nemo's father, ariel, ariel's tail, siren, nereid, triton, poseidon armour, neptune, naiad,
  atlantis king, fishtail, fish tail, fishman, deep one, dagon, shape of water creature, elven armour, elf armour,
  ancient roman scale mail, lamellar, cataphract, byzantine soldier, sequin dress, sequined dress, showgirl dress,
  party dress glitter, disco ball, glitter jacket, art deco pattern, fan pattern, seigaiha, lotus pattern, armour of
  a centurion, pinecone, pangolin, artichoke
fur: bear, wolf, fox, teddy, werewolf, cat, dog, rabbit, sheep, lamb, hamster, gorilla, monkey, yeti, bigfoot,
  chewbacca, horse, horse coat, cow, goat, bison, buffalo, mammoth, squirrel, beaver, otter, raccoon, mouse, rat,
  guinea pig, polar bear, panda, grizzly, husky, kitten, puppy, bunny, viking cloak, barbarian clothes, wolf pelt,
  fur coat, winter coat collar, lion, mane, donkey, camel, llama, alpaca, ewok, sasquatch, wookiee, beast, bear rug,
  king's mantle, reindeer, deer, moose, elk, mink coat, plush toy, plush teddy, badger, weasel, hedgehog belly,
  minotaur, barbarian cape, totoro, stag, boar, labrador, poodle, pony, koala, chinchilla, mole, seal pup, bat body,
  ferret, wildling coat, mountain goat, sloth, hare, cattle, calf, ox, oxen, yak, mare, stallion, foal, mustang,
  mule, kid goat, ram, ewe, merino sheep, pug, terrier, beagle, collie, spaniel, retriever, golden retriever,
  bulldog, greyhound, corgi, dachshund, shepherd dog, german shepherd, st bernard, chihuahua, hound, hunting dog,
  dire wolf, wolfhound, coyote, jackal, dingo, hyena, cougar, puma, panther, lioness, kitty, tomcat, persian cat,
  tabby, antelope, gazelle, caribou, impala, kangaroo, wallaby, possum, opossum, wombat, marsupial, chipmunk,
  groundhog, marmot, porcupine belly, hedgehog, rodent, vole, lemming, gerbil, ape, chimp, chimpanzee, orangutan,
  baboon, lemur, king kong, donkey kong, planet of the apes, kung fu panda, baloo, winnie the pooh, paddington,
  teddybear, stuffed animal, plush, cuddly toy, gremlin, gizmo, furby, sesame street monster, cookie monster, elmo,
  muppet, alf, monsters inc sulley, sully, yoda hair, beard, dwarf beard, wizard beard, hair of a troll, eyebrow,
  moustache, wig, horse tail, ponytail, woolly mammoth, sabretooth, cave bear, cave lion, ice age sloth, neanderthal
  clothes, stone age clothes, caveman, eskimo coat, inuit coat, eskimo boots, ushanka, russian hat, davy crockett
  hat, hunter hat, trapper hat, fur hat, coat of a pimp, cruella coat, jon snow cloak, stark cloak, night's watch
  cloak, khal drogo bed, bear skin rug, tiger-less rug, sheepskin rug, lambskin boots, ugg boots, slippers, muff of
  a lady, santa's collar, santa's beard, mascot costume, bunny costume, werewolf face, beast from beauty and the
  beast, cheshire cat, wolverine hair, rocket raccoon, aslan, simba, mufasa, scar mane, bagheera, narnia lion,
  minotaur head, satyr legs, faun legs, centaur, unicorn, pegasus body, shaggy monster, yeti foot, wampa, tauntaun,
  bantha, mogwai
feathers: bird, owl, eagle, chicken, parrot, swan, goose, duck, raven, crow, angel, harpy, phoenix wing, peacock,
  pillow filling, griffin, pegasus wing, hawk, falcon, turkey, flamingo, native headdress, arrow fletching,
  hippogriff, hen, rooster, ostrich, pigeon, dove, penguin, seagull, chocobo, boa of a showgirl, vulture, cherub
  wing, icarus wings, sparrow, quill, duster, emu, hedwig, carnival costume, bird of paradise, robin, woodpecker,
  cockatoo, toucan, pheasant, quail, albatross, magpie, starling, kiwi bird, jay, lark, stork, heron, songbird,
  fowl, finch, valkyrie wing, tengu, thunderbird, buzzard, canary, budgie, cockatiel, macaw, ara, kingfisher,
  hummingbird, mallard, gander, gosling, chick, duckling, poultry, cockerel, cock, bantam, partridge, woodcock,
  snipe, pelican, puffin, tern, gull, cormorant, osprey, kite bird, condor, bald eagle, golden eagle, barn owl,
  snowy owl, great horned owl, nightingale, blackbird, bluebird, mockingbird, swallow, swift, wren, tit, thrush,
  oriole, cuckoo, hoopoe, ibis, crane bird, spoonbill, secretary bird, roadrunner, cassowary, rhea, dodo,
  archaeopteryx, feathered dinosaur, quetzalcoatl, aztec headdress, indian chief, indian headdress, war bonnet,
  winnetou, carnival headdress, rio carnival, samba costume, burlesque fan, fan of a showgirl, feather boa, hat
  plume, musketeer hat plume, helmet plume, pillow inside, down blanket inside, dart flight, shuttlecock, cupid
  wings, guardian angel, archangel, seraph, lucifer wings, maleficent wings, swan lake costume, black swan, ugly
  duckling, donald duck, daffy duck, big bird, tweety, woodstock, angry bird, iago, zazu, fawkes, buckbeak, garuda,
  horus, thoth, roc, winged horse wings, winged lion, owl costume, bird man, hawkman, falcon wings, icarus, dream
  catcher, nest lining, chicken coop resident, turkey for thanksgiving, thanksgiving bird, easter chick
leopard print: savanna cat, jaguar, wild cat, diva coat, rockabilly dress, fred flintstone clothes, tarzan
  loincloth, ocelot, lynx, bagheera's cousin, cheetah running, giraffe, giraffe skin, dalmatian, caveman clothes,
  lingerie print, panther with spots, big cat, serval, bengal cat, pimp coat, bavarian forest lynx, lounge singer
  dress, spotted cat, hot rod seat, leopard costume, cavewoman dress, jane's dress, jungle queen, animal print bag,
  animal print dress, animal print scarf, glam rock trousers, rod stewart trousers, mod hat, pimp hat, disco queen
  coat, mrs robinson, peg bundy trousers, bet lynch coat, fur coat spotted, kitty purry, baby leopard, cheetah cub,
  jaguar cat, amazon jaguar, maya jaguar warrior, jaguar warrior, aztec warrior pelt, shaman pelt, african king
  robe, zulu warrior, wakanda robe, safari lounge chair, giraffe neck, giraffe coat, ladybird-like spots, appaloosa,
  spotted hyena, dalmatian dog, margay, wild spotted cat, bobcat, savannah cat, snow cat, fast cat, big spotted cat,
  spotted animal
zebra print: savanna horse, tiger cub, black and white striped animal, white tiger, okapi legs, shere khan, tigger,
  safari stripes, madagascar marty, bengal tiger, siberian tiger, sabre tooth tiger, kung fu tiger, zebra foal, op
  art, safari car, zebra crossing animal, grevy zebra, african stripes, tigress, tiger rug, tiger costume, tiger
  face, bengal, hobbes, rajah, life of pi, richard parker, tony the tiger, winnie's tigger, white bengal tiger,
  tasmanian tiger, thylacine, striped cat, striped hyena, striped animal, okapi, bongo antelope, numbat, skunk,
  badger face, lemur tail, ring-tailed lemur, beetlejuice, juventus zebra, glam metal trousers, 80s leggings, 80s
  rock trousers, steel panther, psychedelic stripes, dazzle camouflage, bridget riley, optical illusion stripes,
  zebra couch, zebra rug, referee animal, tiger balm, daniel tiger, shere khan's skin, sumatran tiger, tiger shark
  side
brushed metal: fridge, refrigerator, kitchen sink, elevator door, elevator, laptop, dishwasher, oven door, delorean,
  knife blade, sword blade, sword, katana, lightsaber hilt, robot, terminator, razor, scalpel, stove, microwave,
  operating table, surgical table, spoon, iphone back, watch case, airlock door, escalator, gun barrel, pistol, saw
  blade, android skin, key, toaster, car rim, fork, dagger, axe blade, knife, blade, cyborg, excalibur, pot, cooking
  pot, pan, door handle, tap, faucet, bike frame, iron man suit, car hood, engine block, washing machine, cutlery,
  handcuffs, scissors, screwdriver, letterbox, computer case, wristwatch, lamp post, elevator wall, bank vault door,
  wrench, laboratory table, doorknob, helm, skillet, saucepan, wok, teapot, whisk, spatula, ladle, cheese knife,
  cleaver, corkscrew, thermos, flask, hip flask, canteen, tin, can, beer can, food can, oil drum, petrol can, fuel
  tank, bicycle frame, motorbike tank, exhaust, exhaust pipe, bumper, hubcap, wheel rim, rim, grille of a car, car,
  car body, silver car, sports car, car door, engine, jet engine, turbine, turbine blade, propeller, helicopter
  rotor, fan blade, water pipe, radiator, heater, boiler, heating, gas bottle, fire extinguisher, scuba tank, oxygen
  tank, scooter, skateboard truck, ski edge, ice skate blade, golf club, barbell, dumbbell, weight, gym machine,
  flagpole, lamp, street lamp, torch, flashlight, camera body, old camera, tripod, telescope, microscope, syringe,
  surgical instrument, dentist drill, wheelchair frame, hospital bed, stretcher, instrument tray, morgue drawer,
  freezer, cold store door, fridge door, bread maker, coffee machine, espresso machine, mixer, blender, cooker hood,
  extractor hood, mailbox, filing cabinet, locker, school locker, office cabinet, steel shelf, vault door, safe
  door, padlock, lock, hinge, bolt, nut, screw, nail, hook, chain link, anchor, ship propeller, gun, handgun,
  revolver, magnum, bullet, cartridge, shell case, bayonet, sabre, rapier, dagger of a thief, machete, halberd,
  spearhead, arrowhead, battle axe, guillotine blade, scythe, sickle, saw, chainsaw blade, drill bit, chisel, hammer
  head, pliers, spanner, shovel, spade, sheriff star, badge, dog tag, buckle, belt buckle, zipper, zip, thimble,
  needle, pin, earring, bling, ring of power, sting sword, andúril, master sword, buster sword, narsil, samurai
  sword, ninja star, shuriken, robot arm, robot hand, terminator skull, robocop armour, cyberman, dalek, tin man,
  android, mechanical arm, exoskeleton, wolverine claws, silver surfer, t-1000, liquid terminator, macbook, imac,
  smartphone back, server, computer, tower pc, hi-fi, amplifier front, turntable, vault tec door, bank door, jail
  bars, prison bars, iron bars, gate bars, cage bars, railing, handrail of an escalator, tram rail, rail, rails,
  train wheel, manhole cover, bollard steel
diamond plate: truck bed, fire truck step, factory stairs, industrial stairs, tool box, pickup truck bed, loading
  ramp, trailer floor, fire engine floor, ramp of a truck, garage workshop floor, machine room floor, oil rig floor,
  submarine floor, lift floor, bumper step, engine room floor, boiler room floor, catwalk of a factory, lorry bed,
  industrial platform, van floor, elevator platform, aircraft carrier stairs, dropship ramp, mechanic workshop
  floor, scaffold board, service platform, ambulance step, fire engine, fire truck, tow truck bed, flatbed, garbage
  truck, dump truck bed, container floor, freight elevator, freight elevator floor, loading dock ramp, lift
  platform, hydraulic ramp, wheelchair ramp, bus step, tram step, train step, locomotive walkway, machine platform,
  gantry, gantry floor, control platform, offshore platform, drilling platform, ship engine room, ship ladder,
  gangway, metal gangway, drawbridge of steel, tank deck, military truck bed, humvee floor, armoured floor, bunker
  hatch, sewer hatch, floor hatch, hatch, cellar hatch, metal stairs, fire escape, spiral staircase industrial,
  stage truss floor, workbench top, mechanic creeper, garage floor cover, tool chest, trailer bed, horse trailer
  floor, pickup bed, pickup, bumper of a truck, running board, monster truck, wrestling cage floor, elevator floor,
  aircraft carrier lift, spaceship ramp, half life platform, doom floor, quake floor, sci-fi industrial floor
corrugated metal: slum hut, shanty town, favela hut, container, cargo container, garage door, hangar, farm shed,
  slum roof, container ship load, warehouse roof, quonset hut, factory roof, barn in australia, silo wall, storage
  unit door, shop shutter, bike shed, carport roof, shanty roof, shack, shack wall, wasteland shack, bus shelter
  roof, outback shed, grain silo, industrial shed, fallout shack, trailer wall, freight container, bicycle shed
  roof, scrap hut, rust game base, harbour container, township hut, aircraft hangar, air raid anderson shelter, farm
  silo, hangar wall, hut in a slum, tin hut, tin shack, tin shed, barn roof of metal, cow shed roof, chicken shed
  roof, airport hangar, bike shelter, bus shelter, train platform roof, market hall roof, factory hall, factory hall
  wall, logistics centre, depot, depot wall, storage unit, self storage, container harbour, container terminal,
  container house, office container, construction site container, site hut, portakabin, nissen hut, military hangar,
  water tank of a farm, grain bin, farm machinery shed, garage, garage gate, roll-up door, shop gate, closed shop,
  kiosk shutter, fence of a junkyard, junkyard, scrap yard fence, wasteland house, mad max fortress, mad max car
  armour, fallout house, zombie barricade, apocalypse shelter, dystopian slum, district 9, favela, township, mumbai
  slum, manila slum, tent city roof, bomb shelter roof, culvert pipe, drainage pipe, washboard, metal roof of a
  church, church roof in iceland, icelandic house, australian house, outback house, queensland house, patio roof,
  pool shed, scrap wall
hammered metal: knight armour, breastplate, shield, viking shield, helmet, knight helmet, kettle, cauldron, witch
  cauldron, bell, church bell, goblet, chalice, crown, king's crown, coin, treasure, gold treasure, pirate gold,
  singing bowl, gong, tin can, oil lamp, cymbal, steel drum, jewellery, gladiator helmet, suit of armour, plate
  armour, holy grail, aladdin's lamp, gauntlet, bucket, watering can, spartan shield, steampunk boiler, buddha
  statue, orc armour, dwarf armour, tankard, trophy, ring, gold bar, gold coin, candlestick, chandelier, saxophone,
  trumpet, tuba, tiara, sceptre, medal, anvil, cuirass, brewing kettle, amulet, paladin armour, roman helmet,
  necklace, bracelet, candelabra, censer, urn, c-3po, warhammer, mace, teapot of copper, samovar, coffee pot, brass
  bowl, brass lamp, genie lamp, moroccan lamp, candle holder, lantern, oil lantern, ship's bell, diving helmet,
  diver helmet, diving bell, steampunk goggles, steampunk helmet, airship boiler, still, whisky still, moonshine
  still, distillery, brewery kettle, beer kettle, copper pan, jam pan, bundt pan, copper bathtub, copper sink,
  copper roof dome, dome of a church, statue of liberty, bronze statue, bronze sculpture, charging bull, oscar,
  oscar statue, gold medal, olympic medal, gold watch, pocket watch, wedding ring, gold chain, rapper chain, signet
  ring, brooch, diadem, coronet, laurel wreath of gold, pharaoh mask, tutankhamun mask, golden mask, golden calf,
  golden buddha, golden temple, thai temple, golden idol, indiana jones idol, aztec gold, el dorado, gold coins,
  dragon hoard, hoard, scrooge mcduck money, pirate coin, doubloon, ducat, treasure of the nibelungs, nugget, fort
  knox, ingot, bullion, goblet of fire, horcrux cup, sauron armour, helm of a dwarf, orc shield, uruk-hai armour,
  gimli armour, thor's hammer, mjolnir, captain america shield, hoplite shield, hoplite helmet, achilles armour,
  leonidas helmet, centurion armour, muscle cuirass, greave, greaves, pauldron, vambrace, visor, helmet visor,
  knight visor, jousting armour, tournament armour, horse armour, great helm, viking axe, dane axe, mace head,
  flail, war hammer, morning star, cannon, ship cannon, old cannon, cannonball, church bell old, cowbell, dinner
  bell, doorbell, trombone, horn, french horn, tuba bell, bugle, cymbals, hi-hat, timpani, kettle drum, hang drum,
  handpan, bowl, dish, plate, fruit bowl, punch bowl, milk jug, milk churn, jug, tin bucket, coal bucket, wash tub,
  zinc tub, tin bath, dented car door, crash car, tin soldier, tin robot, tin toy, weather vane, rain gutter copper
metal panels: spaceship, spaceship hull, spaceship wall, spaceship corridor, starship, space station, submarine,
  submarine hull, airplane, airplane wing, aircraft, aeroplane, battleship, warship, tank hull, robot body, mech,
  mecha, death star, star destroyer, millennium falcon, x-wing, spaceship floor, sci-fi corridor, sci-fi door, bank
  vault, safe, ship, ship's side, oil tanker, train, train wagon, locomotive, bulkhead, blast door, server room,
  cyberpunk building, power plant, factory machine, machine, water tank, oil rig, oil tank, airship, zeppelin,
  steampunk machine, cargo ship, ocean liner, titanic hull, aircraft carrier deck, armoured vehicle, ufo, alien
  ship, moon base, space shuttle, rocket, satellite, nostromo corridor, halo corridor, doom base, sci-fi wall,
  sci-fi crate, control room, reactor room, engine room, cockpit, gundam, transformer, optimus prime, wall-e, bomb
  shelter door, freighter, cruiser hull, gate of a fortress of the future, escape pod, enterprise hull, airlock,
  destroyer, missile, torpedo, bus side, subway train, bulldozer, steam engine, armoured train, spacecraft, bomber
  plane, drone, colony ship, nuclear submarine, ironclad, cyberpunk wall, hovercraft, star wars corridor, power
  armour, star trek corridor, mars base, elevator shaft, cargo bay, space marine armour, plane, jet, airliner, jumbo
  jet, fighter plane, bomber, stealth bomber, glider wing, helicopter, helicopter door, space capsule, space probe,
  lunar module, apollo capsule, soyuz, iss, rover, mars rover, tie fighter, at-at, at-st, millenium falcon, naboo
  ship, imperial ship, rebel ship, serenity, battlestar, cylon, nautilus, u-boot, u-boat, corvette warship,
  icebreaker, tanker, container vessel, cruise ship, cruise liner, ferry hull, tugboat, shipwreck, wreck, wrecked
  ship, trawler, steamship, dreadnought, bismarck, yamato, dry dock ship, hull of a ship, ship side, tank armour,
  panzer, armoured car, apc, bank van, money transporter, train car, carriage of a train, tram, subway car, metro
  car, streetcar, freight car, tank wagon, bus, school bus, truck, lorry, van, trailer, tanker truck, garbage truck
  side, digger, excavator, crane, forklift, tractor, combine harvester, giant robot, evangelion, pacific rim jaeger,
  titanfall titan, mechwarrior, bumblebee robot, iron giant, big daddy, bioshock wall, rapture corridor, system
  shock corridor, dead space corridor, ishimura, alien isolation corridor, sevastopol, mass effect corridor,
  normandy hull, citadel station, portal test chamber, aperture wall, black mesa, citadel of half-life, combine
  wall, tron wall, matrix ship, nebuchadnezzar, zion gate, blade runner building, spinner car, cyberpunk 2077 wall,
  night city wall, robot factory, android lab, cloning lab, cryo pod, teleporter, stargate, time machine, tardis
  inside, portal gate, force gate, security door, pressure door, hangar door, silo door, blast shield, bunker door,
  panic room door, elevator door sci-fi, safe wall, atm, vending machine, arcade machine, slot machine, generator,
  transformer station, electric cabinet, switch cabinet, fuse box, server rack, data center, mainframe,
  supercomputer, computer core, reactor, reactor core, fusion reactor, nuclear reactor vessel, pressure vessel,
  fermenter, cistern of steel, gas tank, gasometer, storage tank, fuel depot, pipeline station, refinery tower, oil
  platform, drilling rig, steel bridge, golden gate bridge, eiffel tower, steel beam, girder, crane arm, ferris
  wheel, water tower, radio tower, radar station, satellite dish, spaceport, launch tower, rocket stage, booster,
  saturn v, falcon 9, starship spacex, ufo hull, flying saucer, alien door, alien wall, alien corridor, borg cube,
  borg, death star corridor, death star trench, trench run
perforated metal: microphone, microphone head, speaker, loudspeaker, air vent, ventilation shaft, cheese grater,
  radiator cover, sewer grate, catwalk, colander, shower drain, guitar amplifier, amp, sieve, radio front, gutter
  grate, vent cover, air duct grille, drain grate, fire escape floor, intercom, barbecue grate, washing machine
  drum, strainer, manhole grate, heatsink, server rack door, mac pro, filter plate, lamp of a mine, computer fan
  grille, prison visitor window, street drain, pc case, ventilator, fan cover, heating grille, air conditioner, air
  conditioning, ac unit, vent shaft, air shaft, airvent, hand dryer, toaster slot cover, oven rack, bbq grill,
  grill, fire pit cover, fire bowl, stove vent, boombox, radio, ghetto blaster, headphone, headphones, hi-fi
  speaker, studio monitor, bass speaker, guitar amp, marshall amp, megaphone, stage monitor, walkie talkie, phone
  receiver, intercom panel, confessional window, prison cell window, bank teller window, elevator ceiling, factory
  platform, metal walkway, balcony of a fire escape, drain, floor drain, shower outlet, gully, storm drain cover,
  sewer cover, street gutter cover, tree grate, subway grate, marilyn monroe grate, washing drum, dryer drum,
  laundry drum, salad spinner, grater, nutmeg grater, tea strainer, tea infuser, salt shaker, pepper shaker, shower
  head, watering can rose, flute-less colander, lamp with holes, silencer, gun barrel shroud, machine gun barrel,
  heat shield, engine cover, pc fan, graphics card, mac pro case, cheese grater mac, acoustic ceiling, metal
  ceiling, office ceiling, locker vents, bench at a bus stop, bus stop bench, airport seat, stadium seat steel,
  waste bin, litter bin, park bin, trash can mesh
chain mail: knight, medieval knight, crusader, templar, knight tunic, paladin shirt, viking warrior, warrior, man at
  arms, butcher glove, shark suit, lord of the rings soldier, mithril, mithril shirt, frodo's shirt, crusader hood,
  norman soldier, medieval soldier, knight hood, aragorn's shirt, gondor soldier, dwarven warrior, housecarl, game
  of thrones guard, squire, knight neck guard, fantasy soldier, bannerlord soldier, monty python knight, saxon
  warrior, king's guard, richard lionheart, crusader armour, crusader king, king arthur, sir lancelot, knight of the
  round table, round table knight, joan of arc, richard the lionheart, el cid, william the conqueror, teutonic
  knight, hospitaller, templar knight, medieval guard, castle guard, city guard, guardsman, sentinel, man-at-arms,
  swordsman, archer captain, medieval infantry, hussite, saladin's soldier, mamluk, saracen, viking king, jarl,
  ragnar armour, beowulf, norman, celt warrior, rohan rider, rohirrim, faramir, boromir, thorin, dwarf king, bilbo's
  shirt, elf warrior shirt, robin hood's sheriff, sheriff of nottingham, game of thrones knight, jaime lannister,
  brienne, kingsguard, gladiator sleeve, barbute hood, aventail, neck protection of a knight, mail coif, mail
  gloves, mail trousers, haubergeon, byrnie, hand protection of a butcher, oyster glove, diver shark protection, key
  ring pattern, jump rings, dress of paco rabanne, purse of rings, metal purse, chain bag, chain curtain, chain fly
  curtain
wire mesh: fence of a schoolyard, prison fence, tennis court fence, construction fence, chicken run, rabbit hutch,
  bird cage, aviary, dog kennel, zoo cage, cage, border fence, baseball backstop, basketball court fence, lobster
  trap, gabion, garden trellis, hamster cage, hockey goal, goal net, football goal, shark cage, backyard fence,
  sports ground fence, security fence, industrial fence, airport fence, kennel, area 51 fence, shopping cart,
  fencing mask, window screen, trawl, dip net, schoolyard fence, playground fence, sports court, tennis court,
  football pitch fence, skate park fence, backstop, batting cage, hockey net, goal, football net, soccer net,
  volleyball net, tennis net, trampoline net, climbing net, cargo net, hair net, butterfly net, fly net, mosquito
  net, safety net, circus net, landing net, lacrosse stick, racket, squash racket, badminton racket, tennis racket,
  snowshoe, colander wire, egg basket, shopping trolley, trolley, supermarket trolley, bicycle basket of wire,
  letter tray, wire basket, freezer basket, fryer basket, rabbit cage, hen run, chicken coop wire, henhouse fence,
  parrot cage, canary cage, birdcage, hamster home, zoo, zoo enclosure, monkey cage, lion cage, jurassic park fence,
  raptor cage, dog crate, dog pound, animal shelter, prison yard, jail fence, camp fence, refugee camp, guantanamo,
  border wall, border, frontier fence, military fence, army base fence, airbase fence, airport perimeter, railway
  fence, motorway fence, building site, building site fence, demolition site fence, power station fence, substation
  fence, scrapyard fence, junkyard fence, garden net, vegetable net, compost bin wire, rock wall cage, shark diving
  cage, elevator cage, cage lift, freight lift cage, bank cage, storage cage, basement storage, cellar compartment,
  ufc cage, octagon, mma cage, cage fight, thunderdome, fencing helmet, beekeeper veil, welding screen, reinforced
  glass, wired glass
"""

PLACES = """
castle, fortress, keep, medieval castle, citadel: wall = stone blocks; floor = flagstone; tower = stone blocks;
  courtyard = cobblestone; gate = wood planks; roof = roof shingles; door = wood planks; corridor wall = stone
  blocks; stairs = flagstone
dungeon, crypt, tomb, catacomb, vampire lair, necromancer lair, prison of a castle: wall = stone blocks; floor =
  flagstone; corridor = stone blocks; door = wood planks; ceiling = stone blocks; stairs = flagstone
cathedral, monastery, church, abbey, chapel: wall = stone blocks; floor = flagstone; roof = roof shingles; pew =
  wood grain; door = wood planks; window = mosaic; cloister floor = flagstone; tower = stone blocks; bench = wood
  grain
ancient temple, aztec temple, mayan temple, jungle temple, lost temple, elven ruin: wall = stone blocks; floor =
  flagstone; steps = flagstone; stairs = flagstone; ruins = stone blocks
greek temple, roman palace, palace, royal palace, luxury hotel, opera house: column = marble; floor = marble; stairs
  = marble; lobby floor = marble; statue = marble; wall = marble; fountain = marble; ballroom floor = parquet;
  curtain = woven fabric
pirate ship, sailing ship, galleon, viking ship, old ship, frigate, ghost ship, sailboat, wooden boat: deck = wood
  planks; hull = wood planks; mast = wood grain; sail = woven fabric; cabin wall = wood planks; cabin floor = wood
  planks; planks = wood planks; flag = woven fabric; cargo hold = wood planks; wheel = wood grain; side = wood
  planks
submarine, battleship, warship, cargo ship, oil tanker, aircraft carrier, cruiser, destroyer, freighter: hull =
  metal panels; wall = metal panels; bulkhead = metal panels; side = metal panels; corridor = metal panels; door =
  metal panels; interior wall = metal panels; engine room floor = diamond plate; stairs = diamond plate; ladder
  platform = diamond plate
spaceship, starship, space station, spacecraft, alien spaceship, moon base, mars colony, sci-fi base, cyberpunk lab,
  space shuttle, star destroyer: hull = metal panels; wall = metal panels; corridor = metal panels; floor = metal
  panels; door = metal panels; interior = metal panels; ceiling = metal panels; cockpit = metal panels; hangar =
  metal panels; bridge = metal panels; vent = perforated metal; cargo bay = metal panels; armour = metal panels;
  engine = metal panels
factory, power station, refinery, oil rig, industrial plant, steel mill: floor = concrete; wall = brick wall; stairs
  = diamond plate; platform = diamond plate; catwalk = perforated metal; roof = corrugated metal; chimney = brick
  wall; tank = metal panels; fence = wire mesh; pipe = metal panels; vent = perforated metal; machine = metal
  panels; gate = wire mesh
warehouse, hangar, storage hall, shed of a factory, garage: floor = concrete; roof = corrugated metal; door =
  corrugated metal; crate = wood planks; gate = corrugated metal; wall = corrugated metal; shelf = brushed metal
bunker, parking garage, nuclear shelter, military base, missile silo, subway tunnel, parking house: wall = concrete;
  floor = concrete; ceiling = concrete; ramp = concrete; pillar = concrete; entrance = concrete; stairs = concrete;
  door = metal panels
prison, jail, asylum, alcatraz: wall = concrete; cell = concrete; floor = concrete; fence = wire mesh; yard =
  concrete
bathroom, kitchen, hospital, swimming pool, shower, toilet, restroom, laboratory, changing room, spa, metro station,
  morgue: wall = ceramic tiles; floor = ceramic tiles; walls = ceramic tiles; tiles = ceramic tiles; tiling =
  ceramic tiles
kitchen, luxury kitchen, restaurant, modern kitchen: countertop = granite; counter = granite; cupboard = wood grain;
  table = wood grain; sink = brushed metal; backsplash = ceramic tiles; worktop = granite; cabinet = wood grain;
  knife = brushed metal
living room, mansion, apartment, villa, manor, study, library, bedroom: floor = parquet; wall = plaster; ceiling =
  plaster; carpet = carpet; rug = carpet; table = wood grain; curtain = woven fabric; sofa = leather; bookshelf =
  wood grain; armchair = leather; desk = wood grain; door = wood grain; cupboard = wood grain; cushion = quilted
  fabric; fireplace = brick wall
hotel, cinema, office, theatre, casino, conference room: carpet = carpet; hallway floor = carpet; corridor floor =
  carpet; floor = carpet; wall = plaster; desk = wood grain; curtain = woven fabric; seat = woven fabric; office
  chair = woven fabric
airport, shopping mall, school, train station, university, supermarket: floor = terrazzo; hall floor = terrazzo;
  corridor floor = terrazzo; lobby = terrazzo; wall = concrete; stairs = terrazzo; hallway = terrazzo; desk = wood
  grain
house, cottage, farmhouse, inn, village house, suburban house, hobbit house, country house, haunted house: roof =
  roof shingles; wall = plaster; chimney = brick wall; fence = wood planks; door = wood grain; floor = wood planks;
  attic = wood planks; facade = plaster; garden = grass; driveway = herringbone pavement; lawn = grass; path =
  flagstone; cellar = stone blocks
mediterranean villa, italian house, spanish hacienda, chinese temple, japanese temple, tuscan farm, greek monastery:
  roof = roof tiles; wall = plaster; courtyard = flagstone; roofs = roof tiles; facade = plaster; terrace =
  flagstone
barn, stable, shed, cabin, saloon, log cabin, hut, tavern, windmill, chalet, boathouse, ranch, wild west town, mill:
  wall = wood planks; floor = wood planks; door = wood planks; table = wood grain; roof = roof shingles; fence =
  wood planks; gate = wood planks; counter = wood grain; ceiling = wood planks; ladder = wood grain; bench = wood
  planks; porch = wood planks
slum, shanty town, favela, scrapyard, wasteland camp, junkyard, shanty: hut = corrugated metal; wall = corrugated
  metal; roof = corrugated metal; shack = corrugated metal; fence = wire mesh; house = corrugated metal
cave, mine, mountain, cliff, cavern, goblin cave, volcano, asteroid, moon, alien planet, rocky coast, island: wall =
  rock; ceiling = rock; surface = rock; side = rock; face = rock; tunnel = rock; rock = rock; boulder = rock; slope
  = rock
desert, sahara, dune planet, egypt, arabian desert, beach, tropical beach, tropical island, oasis, sea bed: ground =
  sand; sand = sand; dune = sand; floor = sand; dunes = sand
canyon, wild west, grand canyon, arizona, utah, petra: cliff = sandstone; wall = sandstone; rock = sandstone; walls
  = sandstone
wasteland, dry desert, dried lake, dead land, drought land, barren planet: ground = cracked earth; floor = cracked
  earth; surface = cracked earth; earth = cracked earth; soil = cracked earth
forest, woods, fairy forest, enchanted forest, dark forest, elven forest: tree = tree bark; trunk = tree bark; tree
  trunk = tree bark; bark = tree bark; floor = leaves; ground = moss; leaves = leaves; moss = moss; stump = tree
  bark; log = tree bark
jungle, rainforest, autumn park, garden hedge, hedge maze, orchard: foliage = leaves; leaves = leaves; wall =
  leaves; bush = leaves; canopy = leaves; hedge = leaves
garden, park, meadow, hill, football stadium, golf course, village, countryside, farm: lawn = grass; grass = grass;
  green = grass; pitch = grass; field = grass
farm, garden, battlefield, graveyard, vegetable garden, swamp, field, trench: soil = soil; mud = soil; dirt = soil;
  earth = soil; bed = soil; ground = soil
city, town, highway, suburb, race, cyberpunk city, new york, downtown, airport: street = asphalt; road = asphalt;
  track = asphalt; runway = asphalt; parking lot = asphalt; crossing = asphalt; lane = asphalt
medieval town, old town, medieval village, victorian london, fantasy town, roman city, harbour town, old european
  city: street = cobblestone; road = cobblestone; square = cobblestone; alley = cobblestone; market square =
  cobblestone; lane = cobblestone
railway, train, quarry, construction site, mountain road, country lane: track bed = gravel; gravel = gravel; ballast
  = gravel; path = gravel; ground = gravel; rubble = gravel
river, stream, brook, lake, mountain stream, creek, japanese garden: bed = pebbles; stones = pebbles; shore =
  pebbles; bank = pebbles; pebbles = pebbles; bottom = pebbles
ocean, sea, lake, river, pool, pond, lagoon, canal, bay, fountain: water = water; surface = water; waves = water;
  water surface = water; ripples = water
arctic, north pole, winter lake, antarctica, frozen world, ice planet, glacier, ice cave: ice = ice; wall = ice;
  floor = ice; frozen surface = ice; ceiling = ice
winter, ski resort, mountain in winter, christmas village, snow planet, winter forest: snow = snow; ground = snow;
  slope = snow; hill = snow; field = snow
hell, volcano, inferno, fire planet, mount doom, demon world, underworld: lava = lava; floor = lava; crater = lava;
  ground = lava; magma = lava; river = lava; cracks = lava
knight, crusader, paladin, viking, orc, gladiator, roman soldier, samurai, dwarf, warrior, barbarian: armour =
  hammered metal; helmet = hammered metal; shield = hammered metal; breastplate = hammered metal; mail shirt = chain
  mail; chainmail = chain mail; boots = leather; belt = leather; sword = brushed metal; gauntlet = hammered metal;
  cloak = woven fabric; cape = woven fabric; tunic = woven fabric; gloves = leather; axe = brushed metal
cowboy, pirate, biker, hunter, rogue, detective, witcher, adventurer, thief, ranger, western hero: boots = leather;
  belt = leather; jacket = leather; gloves = leather; hat = leather; shirt = woven fabric; bag = leather; vest =
  leather; coat = leather; saddle = leather; holster = leather; jeans = denim; trousers = woven fabric; scarf =
  knitted wool
king, queen, wizard, monk, priest, princess, witch, jedi, elf, vampire, mage, nun, ninja: robe = woven fabric; cloak
  = woven fabric; dress = woven fabric; cape = woven fabric; hood = woven fabric; crown = hammered metal; ring =
  hammered metal; throne = wood grain; curtain = woven fabric; gown = woven fabric; staff = wood grain; tunic =
  woven fabric; spellbook = leather
grandma, fisherman, skier, winter, christmas, baby, child, sailor: sweater = knitted wool; jumper = knitted wool;
  hat = knitted wool; scarf = knitted wool; socks = knitted wool; blanket = knitted wool; mittens = knitted wool;
  pullover = knitted wool; gloves = knitted wool; cardigan = knitted wool
soldier, army, marine, sniper, commando, military, paratrooper: uniform = camouflage; jacket = camouflage; trousers
  = camouflage; tent = camouflage; vest = camouflage; backpack = camouflage; net = camouflage; vehicle paint =
  camouflage
dragon, fish, mermaid, carp, sea monster, koi, salmon: scales = fish scales; skin = fish scales; tail = fish scales;
  body = fish scales; belly = fish scales; armour = fish scales
snake, crocodile, lizard, dinosaur, alligator, python, iguana, gecko, tortoise, turtle: skin = reptile skin; leather
  = reptile skin; hide = reptile skin; scales = reptile skin; back = reptile skin; belly = reptile skin
bear, wolf, fox, cat, dog, rabbit, monkey, gorilla, werewolf, sheep, goat, horse, cow, beaver, yeti, squirrel,
  bison: fur = fur; coat = fur; hair = fur; pelt = fur; skin = fur; hide = fur; back = fur; belly = fur; mane = fur;
  tail = fur
eagle, owl, parrot, swan, chicken, raven, duck, angel, bird, hawk, goose, peacock, griffin, phoenix, harpy: feathers
  = feathers; wing = feathers; wings = feathers; plumage = feathers; feather = feathers; tail = feathers; breast =
  feathers; body = feathers
elephant, rhino, hippo, ogre, orc, whale, troll, goblin: skin = leather; hide = leather; leg = leather
leopard, cheetah, jaguar: fur = leopard print; skin = leopard print; print = leopard print; coat = leopard print;
  spots = leopard print; pattern = leopard print; dress = leopard print
zebra, tiger: fur = zebra print; skin = zebra print; print = zebra print; coat = zebra print; stripes = zebra print;
  pattern = zebra print; dress = zebra print
oak, pine, birch, willow, spruce, redwood, cherry tree, palm tree, beech, maple, cedar, ash, elm, fir, chestnut:
  bark = tree bark; trunk = tree bark; tree = tree bark; planks = wood planks; boards = wood planks; floorboards =
  wood planks; plank floor = wood planks; parquet = parquet; table = wood grain; wood = wood grain; veneer = wood
  grain; door = wood grain; desk = wood grain; leaves = leaves; log = tree bark; furniture = wood grain
walnut, mahogany, teak, rosewood, ebony: wood = wood grain; planks = wood planks; veneer = wood grain; table = wood
  grain; floor = parquet; parquet = parquet; furniture = wood grain; cabinet = wood grain; boards = wood planks;
  panel = wood grain
copper, bronze, gold, brass, silver: plate = hammered metal; bowl = hammered metal; kettle = hammered metal; armour
  = hammered metal; sheet = brushed metal; coin = hammered metal; surface = hammered metal; crown = hammered metal
steel, aluminium, titanium, iron, chrome, metal: sheet = brushed metal; surface = brushed metal; plate = metal
  panels; panels = metal panels; mesh = wire mesh; grating = perforated metal; grate = perforated metal; fence =
  wire mesh; hull = metal panels; door = brushed metal; rings = chain mail; roof = corrugated metal; wall = metal
  panels; tread plate = diamond plate; blade = brushed metal; container = corrugated metal; grille = perforated
  metal; net = wire mesh; chain armour = chain mail
scottish, highland, lumberjack, picnic: shirt = plaid fabric; blanket = plaid fabric; kilt = plaid fabric; skirt =
  plaid fabric; cloth = plaid fabric
prisoner, sailor, circus, beach, clown, pirate: stripes = striped fabric; striped shirt = striped fabric; awning =
  striped fabric
"""
