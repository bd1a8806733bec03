# SPDX-License-Identifier: GPL-3.0-or-later
"""What people call the materials: trade names, kinds, synonyms and the wording of shops and of asset stores.

A line is the plain caption of what is meant, a colon, and other ways to say it. The caption is a material, and after
semicolons what else the words say: a colour, a shade, a size, states.
"""

from __future__ import annotations

NAMES = """
brick wall: red brick wall, brick masonry, clinker brick, clinker, old brick, brick facade, exposed brick, running
  bond bricks, stretcher bond, flemish bond brickwork, english bond, engineering bricks, clay brick wall, facing
  bricks, house bricks, brick cladding, masonry wall, mud brick wall, brick veneer, brick slips, rows of bricks,
  brick and mortar
brick wall; red: red bricks, red brickwork, red brick facade
brick wall; white: whitewashed brick, white painted brick, white brick wall, painted white bricks
brick wall; black: black bricks, charcoal brick, soot blackened bricks
brick wall; yellow: yellow london stock brick, yellow brick road, yellow bricks, sand lime brick
brick wall; grey: grey bricks, cinder block wall, breeze blocks, cinder blocks, concrete block wall
stone blocks: ashlar, ashlar masonry, dressed stone wall, dry stone wall, rubble wall, stone masonry, stacked stone,
  stone brick, stone bricks, stone wall, fieldstone wall, large stone blocks, cut stone, stone rampart, rough stone
  wall, limestone blocks, granite blocks, quarried stone wall, megalithic wall, polygonal masonry, rock wall
  cladding, stone facade, medieval stone wall, stonework, old stone wall, stone cladding, inca wall, cyclopean
  masonry
stone blocks; white: white limestone blocks, white stone wall, white stone bricks
stone blocks; black: black stone bricks, basalt blocks, obsidian bricks, blackstone bricks
cobblestone: cobble stones, cobblestones, cobbled road, setts, stone setts, belgian blocks, cobble road, cobblestone
  street, cobblestone path, rounded cobbles, old town street, roman road, historic paving, cobbled lane, cobbled
  alley, stone street, cobbled courtyard, cat heads paving
flagstone: flagstones, paving slabs, paving stones, stone slabs, stone floor, patio slabs, slate floor, slate
  paving, irregular stone paving, stone tiles, stone floor tiles, pavers, natural stone paving, york stone, stepping
  stones, stone pavement, limestone floor, patio paving, garden slabs, broken slabs, stone slab floor, random
  paving, paved floor
herringbone pavement: herringbone bricks, herringbone paving, herringbone pattern, zigzag paving, block paving,
  herringbone tiles, brick driveway, interlocking pavers, chevron paving, brick paving, brick pavers, paved
  driveway, herringbone floor, chevron tiles, chevron pattern
ceramic tiles: glazed tiles, wall tiles, floor tiles, porcelain tiles, kitchen tiles, subway tiles, metro tiles,
  tiled wall, tile floor, tiled floor, glossy tiles, azulejo, splashback, tile backsplash, shower tiles, ceramic
  floor, quarry tiles, stoneware tiles, faience, vinyl tiles, linoleum tiles, grid of tiles, square tile grid,
  grouted tiles, tiling
ceramic tiles; white: white bathroom tiles, white subway tiles, hospital tiles, clean white tiles, white metro tiles
ceramic tiles; blue: delft tiles, blue azulejos, pool tiles, blue glazed tiles, portuguese tiles
ceramic tiles; orange: terracotta tiles, terracotta floor, terracotta floor tiles, cotto tiles, mexican saltillo
  tiles
hexagonal tiles: hex tiles, hexagons, honeycomb, hex floor, hexagon pattern, hexagonal pattern, hexagon floor, hex
  grid, honeycomb pattern, hexagonal grid, six sided tiles, sci-fi hex pattern, hexagon panels, beehive pattern,
  hexagonal paving
hexagonal tiles; white: white hex tiles, white penny hex bathroom floor
hexagonal tiles; yellow: beehive, honeycombs, golden honeycomb, bee hive, honey comb
checkerboard floor: chequered floor, checkered floor, checker pattern, checkered tiles, checkerboard pattern, black
  and white tiles, chess board, chessboard, black and white floor, diner floor, chequerboard, harlequin floor,
  checkers, vinyl checkered floor, black white checkered floor, race flag pattern
mosaic: glass mosaic, roman mosaic, byzantine mosaic, mosaic floor, tesserae, mosaic wall, small mosaic tiles,
  broken tile mosaic, trencadis, pool mosaic, smalti, colourful mosaic, mosaic pattern, tiny tiles, stained glass
roof shingles: slate roof tiles, asphalt shingles, bitumen shingles, wooden shingles, cedar shakes, shake roof,
  slate shingles, roof slates, roofing felt shingles, shingle roof, black roof shingles, slates, overlapping
  shingles, roofing shingles, wood shake roof, rows of shingles, shingled roof
roof tiles: clay tiles roof, clay roof, pantiles, spanish roof tiles, tiled roof, red roof tiles, mission tiles,
  barrel tiles, mediterranean roof, tuscan roof tiles, roman roof tiles, terracotta roof tiles, terracotta tiles on
  a roof, tile roof, roof tile, overlapping clay tiles, japanese roof tiles, half round roof tiles
rock: rocks, rough rock, bare rock, rocky surface, stone surface, natural rock, cave wall, cliff face, mountain
  rock, boulder, boulders, basalt, bedrock, rugged rock, rock wall, rocky cliff, craggy rock, weathered rock, jagged
  rocks, volcanic rock, stone texture, natural stone, rough stone, raw stone, grey stone, slate rock, limestone
  cliff, ore, stone, limestone, chalk cliff, tuff, pumice, lava rock, cooled lava, meteorite, moon rock, rocky
  ground, karst
rock; black: basalt rock, obsidian, black volcanic rock, coal, black rock, anthracite
marble: carrara marble, marble slab, marble floor, marble countertop, polished marble, calacatta, marble tile,
  veined marble, marble wall, marble with veins, onyx slab, marble pattern, statuary marble, quartzite slab,
  travertine polished, marbled stone, veined stone, alabaster
marble; white: white carrara marble, white marble with grey veins, white marble, calacatta marble, white veined
  marble, white marble countertop, white polished marble floor
marble; black: black marble with gold veins, nero marquina, black marble, black marble with white veins, black
  veined marble
marble; green: green marble, verde guatemala, malachite, jade, serpentine
marble; pink: pink marble, rose marble, rose quartz slab
marble; brown: emperador marble, brown marble
marble; blue: lapis lazuli, blue marble, sodalite
granite: speckled granite, granite slab, granite worktop, polished granite, kitchen granite, granite tile, granite
  surface, speckled stone, granite stone, quartz countertop, porphyry, diorite, gabbro, crystalline stone, black and
  white granite, grained stone, engineered quartz, salt and pepper granite, granite kerb
granite; black: black granite, black galaxy granite, black granite countertop
granite; pink: pink granite, rose granite, red granite
terrazzo: terrazzo tiles, venetian terrazzo, terrazzo flooring, marble chips in cement, confetti floor, terrazzo
  with chips, agglomerate marble, chips in concrete, speckled terrazzo, colourful terrazzo, polished terrazzo floor
concrete: cement wall, concrete floor, bare concrete, raw concrete, concrete slab, fair faced concrete, exposed
  concrete, poured concrete, cement floor, brutalist concrete, grey concrete, concrete ceiling, precast concrete,
  screed, concrete surface, concrete panel, industrial floor, reinforced concrete, beton, old concrete, smooth
  concrete, concrete pillar, cement render, concrete block
plaster: stucco wall, plastered wall, rendered wall, wall plaster, lime plaster, venetian plaster, painted wall,
  adobe, adobe wall, drywall, gypsum, rough plaster, roughcast, textured wall paint, wall paint, whitewash, clay
  plaster, cob wall, interior wall, house wall, render, plasterwork, stuccoed facade, plain wall, painted plaster,
  wallpaper plain, gesso, peeling paint wall, popcorn ceiling, daub, loam render
plaster; white: white wall, white plaster, whitewashed wall, white stucco, white plaster wall, plain white wall
plaster; yellow: yellow plaster wall, mediterranean yellow wall, ochre wall
sandstone: sandstone wall, layered sandstone, stratified rock, rock layers, sandstone cliff, canyon rock, desert
  rock, sediment layers, rock strata, limestone layers, layered cliff, mesa rock, red rock canyon, striated rock,
  shale, slate layers, banded rock, eroded sandstone, sedimentary layers, travertine, agate bands
cracked earth: dried mud, dry cracked mud, parched earth, dry lake bed, drought soil, cracked ground, cracked clay,
  cracked soil, dry riverbed, parched soil, dry cracked desert, cracked mud, mud cracks, desert floor, dry clay,
  salt flat, salt pan, baked earth, arid ground, playa
lava: molten lava, lava flow, magma cracks, glowing lava, lava field, molten stone, lava lake, glowing magma,
  volcanic lava, burning embers, glowing coals, molten metal, embers, hot lava, fire cracks, flowing lava, cracked
  lava, hell ground
water: sea, ocean, ocean water, lake, river, pool water, clear water, water ripples, waves, rippled water, water
  waves, sea surface, ocean surface, pond, swimming pool water, stylized water, flowing water, deep water, calm
  water, caustics, wavy water, liquid, stream, sea waves, shallow water
water; blue: blue ocean, blue sea, blue water, swimming pool
water; green: swamp water, green pond, algae water, slime, acid pool, toxic water
water; teal: tropical water, turquoise lagoon, caribbean sea
ice: frozen water, ice surface, cracked ice sheet, glacier ice, ice rink, frozen surface, clear ice, blue ice,
  frozen lake surface, icy surface, frozen pond, black ice, ice sheet, ice wall, crystal ice, frozen ground,
  glacier, iced surface
sand: beach, dune sand, sand dunes, desert dunes, fine sand, rippled sand, sandy ground, sandy beach, wind rippled
  sand, golden sand, sandy soil, seabed sand, sand ripples, sandpit, white sand, sand surface, sandy floor, dry
  sand, quicksand
sand; black: black sand, volcanic sand, black sand beach
gravel: gravel path, gravel road, loose gravel, small stones, crushed rock, ballast, railway ballast, gravel ground,
  road gravel, stone chippings, chippings, scree, gritty ground, crushed gravel, gravel driveway, pea gravel,
  rubble, debris, rocky debris, stony ground, broken stones, gravel bed, rubble ground
pebbles: pebble beach, river pebbles, round stones, smooth stones, river rocks, river rock, shingle beach, pebble
  stones, beach stones, stream bed stones, polished pebbles, round pebbles, zen garden stones, stone beach,
  riverbed, wet stones, smooth river stones, pebble floor
soil: earth, mud, muddy ground, dirt ground, dirt path, dirt road, garden soil, brown earth, forest soil, potting
  soil, farm soil, ploughed field, topsoil, bare earth, dirt floor, clay soil, mulch, compost, peat, humus, loam,
  wet mud, mud ground, earth floor, farmland, muddy soil, trampled earth, ground dirt, muddy road
grass: green grass, turf, lawn grass, grassy ground, grass field, meadow grass, football pitch, mowed lawn, short
  grass, long grass, grassland, pasture, artificial turf, astroturf, grassy field, golf green, wild grass, prairie,
  fresh grass, soccer field grass, stylized grass, steppe, savanna grass
grass; yellow: dry grass, yellow grass, hay, straw, dead grass, hay bale, wheat field, thatch, thatched roof, reed
  roof, straw bale, savannah
leaves: autumn leaves, dead leaves, leaf litter, leafy ground, forest floor, fallen autumn leaves, leaf pile, ivy,
  ivy leaves, ivy wall, hedge, bush leaves, foliage wall, jungle leaves, hedgerow, leaves on the ground, leafy wall,
  boxwood hedge, oak leaves, maple leaves, shrubbery, vines, leaf carpet, clover, fern leaves, laurel leaves
leaves; green: green leaves, green foliage, hedge leaves, ivy covered wall, green hedge, jungle foliage
leaves; orange: orange autumn leaves, fall leaves, autumn foliage, maple leaves in autumn
leaves; brown: dry brown leaves, dead brown leaves, withered leaves
moss: green moss, mossy surface, moss carpet, forest moss, thick moss, sphagnum, mossy forest floor, moss covered
  ground, lichen covered stone, lichen crust, algae, soft moss, moss cushion, mildew, mould, mold, seaweed, moss
  wall
snow: fresh powder, powder snow, snow cover, snow field, white snow, snow drift, snowfield, snowy surface, packed
  snow, winter ground, snow surface, fresh fallen snow, snow bank, snowy field, untouched snow, frost, ski slope
asphalt: asphalt road, road, tar, bitumen, blacktop, street asphalt, road asphalt, asphalt surface, pavement
  asphalt, tarmac road, motorway, highway, parking lot, car park, street surface, asphalt street, roadway, cracked
  road, macadam, racetrack asphalt, tarred road, city street
wood planks: oak planks, pine planks, floorboards, wood floor, wooden floorboards, hardwood floor, timber planks,
  timber boards, wooden planking, deck boards, wood decking, decking, barn wood, pallet wood, plank wall,
  weatherboard, clapboard, wood siding, wood panelling, wooden panels, wainscot, spruce planks, birch planks, old
  oak planks, oak boards, laminate floor, laminate flooring, floor boards, rough sawn boards, driftwood planks,
  wooden wall, wood boards, reclaimed wood, teak deck, larch cladding, shiplap, tongue and groove, walnut planks,
  cedar planks, plank floor, timber cladding, wooden fence, pine boards, ash planks, wooden slats, oak floor, plank,
  board, wood plank
wood planks; white: white painted planks, whitewashed wood planks, white shiplap, white wooden boards
wood planks; grey: grey weathered wood planks, driftwood, grey barn wood, grey decking
wood planks; black: charred planks, burnt wood planks, shou sugi ban, black timber cladding
wood planks; dark: dark walnut planks, dark oak planks, smoked oak floorboards, wenge planks
wood planks; red: red barn wood, falun red boards, swedish red wood siding
wood planks; blue: blue painted planks, shabby blue boards
wood planks; green: green painted boards, green wooden planks
parquet: parquetry, oak parquet, wood parquet, herringbone parquet, parquet flooring, basket weave parquet, ballroom
  floor, parquet tiles, versailles parquet, mosaic parquet, walnut parquet, parquet wood floor, inlaid wood floor,
  block parquet, chevron parquet, polished parquet, wood block floor, wooden mosaic
wood grain: oak wood, walnut wood, wood, pine wood, mahogany, cherry wood, teak, beech wood, maple wood, birch wood,
  ash wood, rosewood, wood surface, wooden surface, smooth wood, varnished wood, lacquered wood, oak veneer, walnut
  veneer, wood panel, furniture wood, timber, wooden, plywood, wooden table top, desk surface, fine wood, hardwood,
  raw wood, cedar, elm wood, bamboo wood, chestnut wood, wood texture, oak, walnut, olive wood, zebrano, burl wood,
  wooden board, finished wood, guitar wood, polished walnut, cherry veneer, sawn timber, wood with knots, larch
  wood, spruce wood, acacia wood, balsa
wood grain; black: ebony, blackened wood, ebony wood, black stained wood
wood grain; dark: dark wood, dark walnut, dark stained oak, wenge, dark mahogany, dark oak wood
wood grain; pale: light wood, pale birch wood, light maple, light pine wood, whitewashed oak, light ash
wood grain; red: mahogany wood, red cedar, padauk, redwood
tree bark: oak bark, pine bark, pine tree bark, birch bark, rough bark, tree trunk, bark of an old tree, trunk, bark
  surface, redwood bark, willow bark, spruce bark, cracked bark, trunk bark, wooden bark, cedar bark, beech bark,
  elm bark, treant skin, tree skin, roots, log, logs, tree stump side, old tree, palm trunk, bark chips
tree bark; white: birch trunk, white birch bark, birch tree, aspen bark
cork: corkboard, cork tile, cork floor, pin board, pinboard, cork wall, cork sheet, bulletin board, notice board,
  pressed cork, wine cork, cork flooring, chipboard, particle board, osb, osb board, oriented strand board,
  fibreboard, hardboard
wicker: rattan weave, wicker weave, wicker chair, rattan chair, cane weave, cane webbing, willow weave, woven
  willow, wickerwork, rattan furniture, woven rattan, cane seat, wicker furniture, hurdle fence, wattle, woven cane,
  poly rattan
basket weave: woven basket, straw weave, straw mat, straw hat, seagrass mat, tatami, tatami mat, bamboo mat, woven
  bamboo, reed mat, woven reed, raffia, sisal, jute mat, woven grass, basket, basketry, woven mat, palm leaf weave,
  rush mat, beach mat, woven palm, hemp mat, seagrass, wicker basket
woven fabric: cloth, textile, cotton, linen cloth, canvas, burlap, sackcloth, hessian, cotton fabric, coarse fabric,
  tweed, woven cloth, jute fabric, fabric weave, twill, cotton cloth, hopsack, sacking, linen fabric, canvas fabric,
  rough cloth, calico, poplin, muslin, felt, silk, satin, velvet, nylon, polyester, textile weave, sail cloth,
  burlap sack, upholstery linen, carbon fibre, carbon fiber, fibreglass cloth, kevlar, curtain fabric, oxford cloth,
  herringbone tweed
denim: jeans, blue jeans, jeans fabric, denim fabric, denim cloth, worn denim, indigo denim, stonewashed denim, jean
  jacket fabric, denim jacket, dungarees, jean
denim; blue: blue denim, blue jeans fabric, indigo jeans
denim; black: black jeans, black denim
knitted wool: knitwear, wool knit, cable knit, wool jumper, wool sweater, thick wool sweater, knitted sweater, knit
  pattern, knitting, chunky knit, crochet, wool scarf, knitted scarf, ribbed knit, woollen, wool, woolen sweater,
  jersey knit, hand knitted, knitted blanket, cardigan, stockinette, merino wool, aran sweater, pullover, wool
  blanket, cable knit sweater, alpaca wool, wool yarn, knitted cloth
quilted fabric: quilting, quilt, padded leather, tufted fabric, chesterfield, diamond quilted, quilted leather,
  puffer jacket fabric, padded cell wall, diamond tufted upholstery, bedspread, mattress, quilted jacket, duvet,
  cushion, diamond stitched leather, car seat quilting, button tufted, capitone, padding, sofa cushion, padded wall,
  gambeson
plaid fabric: tartan cloth, scottish tartan, checked fabric, gingham, checked shirt, flannel, flannel shirt,
  lumberjack shirt, kilt, plaid shirt, checkered cloth, picnic blanket, checked tablecloth, plaid blanket, madras,
  burberry pattern, plaid pattern, tartan pattern, tartan blanket, checked cloth, glen check
plaid fabric; red: red tartan, lumberjack plaid, red plaid flannel, red gingham tablecloth, red and black checked
  shirt
striped fabric: pinstripe, pinstripes, striped pattern, striped shirt, deck chair fabric, ticking, striped textile,
  candy stripes, awning fabric, stripe pattern, striped wallpaper, sailor shirt, striped pyjamas, regency stripes,
  striped curtain, breton stripes, circus tent stripes, beach chair cloth, parasol stripes, seersucker, pinstripe
  suit
carpet: carpet floor, shag carpet, deep pile carpet, rug pile, carpeting, carpet pile, wool carpet, office carpet,
  fluffy carpet, shaggy rug, berber carpet, carpet tiles, floor carpet, plush carpet, hotel carpet, loop pile, bath
  mat, fitted carpet, doormat, persian rug, terry cloth, towel, plush, fluffy rug, door mat, coir mat
camouflage: camo pattern, army camo, woodland camo, military pattern, camouflage netting, army fabric, camo fabric,
  hunting camo, soldier uniform, army uniform, camouflage pattern, jungle camo, digital camo, multicam, military
  fabric
camouflage; green: woodland camouflage, jungle camouflage
camouflage; yellow: desert camouflage, desert camo
leather: cowhide, leather hide, saddle leather, tanned leather, brown leather, nappa, full grain leather, suede,
  leather sofa, leather jacket, leather seat, leather surface, old leather, faux leather, leatherette, grained
  leather, leather bag, rawhide, leather armour, leather strap, leather chair, vinyl upholstery, artificial leather,
  buckskin, calfskin, elephant skin, rhino skin, book cover leather, nubuck, leather binding, pleather, aged
  leather, dragon hide
leather; brown: brown leather sofa, tan leather, cognac leather, brown leather jacket, chestnut leather
leather; black: black leather jacket, biker leather, black leather seat, black nappa
reptile skin: snakeskin, snake scales, crocodile leather, alligator skin, alligator leather, lizard scales, python
  skin, crocodile hide, gecko skin, iguana skin, reptile scales, dinosaur skin, croc skin, crocodile, alligator,
  snake, lizard, turtle skin, tortoise skin, dinosaur hide, komodo skin, python leather, monitor lizard, reptilian
  skin
fish scales: fish skin, dragon skin, mermaid tail, dragon scale, scale pattern, koi scales, carp scales, scale
  armour, scale mail, fish, salmon skin, shiny scales, overlapping scales, iridescent scales, dragon, armour scales,
  sequins, scale armor, scaled skin, scallop pattern, fishscale tiles, mermaid pattern, lamellar armour, pangolin
  scales
fur: animal hair, bear fur, wolf fur, fox fur, long fur, fluffy fur, furry, rabbit fur, fake fur, faux fur,
  sheepskin, sheep wool, beast fur, cat fur, dog fur, dog hair, horse hair, pelt, mink, yak hair, lion mane, furry
  skin, polar bear fur, hairy skin, monster fur, shaggy fur, monkey fur, thick fur, coat of an animal, lambskin,
  mammoth fur, werewolf fur
fur; white: white fur, polar bear, arctic fox fur, lamb fleece, white fluffy fur
fur; brown: brown bear fur, grizzly fur, bear pelt, teddy bear, beaver fur
fur; black: black fur, panther fur, gorilla fur, black cat fur
fur; orange: fox fur pelt, orange fox fur, red panda fur, ginger cat fur
feathers: bird feathers, feather pattern, wing feathers, plumes, feathery, down feathers, peacock feathers, owl
  feathers, eagle feathers, chicken feathers, bird plumage, goose feathers, feathered wing, feather coat, parrot
  feathers, crow feathers, angel wings, bird wing, down, duck feathers, raven feathers, griffin wing
feathers; white: swan feathers, white angel wings, dove feathers, white feathers
feathers; black: raven plumage, crow plumage, black feathers
leopard print: leopard spots, leopard skin, cheetah print, jaguar fur, leopard, cheetah, cheetah fur, leopard
  pattern, jaguar print, ocelot fur, spotted fur, animal print spots, giraffe pattern, leopard coat, snow leopard,
  rosettes
zebra print: zebra, zebra skin, zebra fur, zebra pattern, zebra hide, animal stripes, tiger stripes, tiger fur,
  tiger print, tiger, black and white stripes, tiger skin, zebra striped fabric
brushed metal: brushed steel, brushed aluminum, aluminium, aluminum, stainless steel, steel, brushed stainless
  steel, satin steel, brushed chrome, chrome, brushed nickel, metal, metal surface, brushed brass, brushed copper,
  steel surface, steel sheet, anodised aluminium, polished steel, silver, silver metal, iron, zinc, titanium, sheet
  metal, metal sheet, brushed titanium, tin, smooth metal, clean metal, inox, gunmetal, pewter, galvanised steel,
  scratched metal, metallic
brushed metal; yellow: brass, brushed gold, gold plate, gold leaf, golden metal
brushed metal; black: black anodised aluminium, black metal, gun metal, black steel
brushed metal; rusty: rusted steel, rusty metal, corroded metal, rusty iron, rust, rusted metal, oxidised iron,
  corten steel, corroded steel, rusty steel, rusted iron plate, old rusty metal, rust texture
diamond plate: diamond tread plate, checkered plate, chequer plate, anti slip metal, tread steel, non slip metal
  floor, diamond metal floor, truck bed metal, durbar plate, patterned metal floor, raised lozenge steel,
  checkerplate aluminium, industrial metal floor, diamond steel plate, five bar tread plate, metal stair tread
corrugated metal: corrugated sheet, corrugated steel, corrugated roof, tin roof, corrugated tin, shipping container,
  container wall, wavy metal sheet, metal siding, corrugated iron roof, trapezoidal sheet, ribbed metal, cargo
  container, zinc roof, garage door metal, roller shutter, roller door, corrugated cladding, corrugated zinc, shed
  roof, metal shutter
corrugated metal; rusty: rusty corrugated iron, rusty tin roof, rusty shipping container, rusted corrugated sheet
hammered metal: hammered copper, beaten metal, hammered gold, hammered brass, hammered silver, hammered steel,
  copper, bronze, gold, dented metal, copper sheet, bronze plate, hammered bronze, forged metal, dimpled copper,
  forged iron, gold metal, pure gold, wrought iron, gold armour, hand hammered copper, hammered iron, copper kettle,
  metal armour plate
hammered metal; yellow: hammered gold plate, gold nugget, golden armour, brass plate
hammered metal; green: copper patina, verdigris, oxidised copper, patinated bronze, green patina copper
metal panels: sci-fi metal panel, sci-fi panels, steel panels, metal plates, riveted steel, riveted plates, sci-fi
  wall, spaceship panels, spacecraft hull, armour plating, metal hull, riveted iron, bolted plates, aircraft skin,
  airplane panels, metal wall, sci-fi floor, space station wall, steel plating, industrial metal panels, hull
  plating, panelled metal, sci-fi metal, futuristic panels, greebles, metal cladding, futuristic wall, bolted metal,
  mech armour, robot armour, welded steel plates, steel wall, tank armour, ship hull, metal sheets with rivets, iron
  plates, titanium panels
metal panels; white: white sci-fi panels, clean white spaceship panels, white spaceship interior wall
metal panels; rusty: rusty metal panels, rusty hull, rusty ship hull, rusted plates, rusty riveted plates
perforated metal: metal grate, metal grating, steel grate, punched metal, perforated steel, perforated sheet, metal
  with holes, vent grille, grille, speaker grille, steel grating, catwalk grating, drilled metal, mesh panel, floor
  grate, ventilation grille, speaker cover, radiator grille, perforated aluminium, round hole sheet, pegboard, drain
  cover, vent
chain mail: mail armour, ring mail, maille, knight mail, hauberk, metal links, linked rings, chain armour, chain
  armor, mail shirt, medieval chainmail, steel rings, woven rings, iron rings, coif, chain links, metal chain armour
wire mesh: chain link, wire fence, chicken wire, wire netting, metal mesh, fence mesh, mesh fence, hexagonal wire,
  steel mesh, cage wire, rabbit wire, wire fencing, metal netting, cage mesh, hardware cloth, welded mesh, diamond
  mesh, netting, net, wire cage, chainlink fence, fly screen, mesh, fishing net
"""
