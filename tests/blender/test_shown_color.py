# SPDX-License-Identifier: GPL-3.0-or-later
"""Which input and which Image Texture are the colour of a material, in the shapes that materials of others have."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender.properties import status
from sd_blender.blender.results import color_inputs, materials, shown_color
from tests.blender.conftest import generate, new_image

pytestmark = pytest.mark.every_version

GREY = np.full((8, 8, 3), 128, np.uint8)
KINDS = {
    "output": "ShaderNodeOutputMaterial",
    "principled": "ShaderNodeBsdfPrincipled",
    "emission": "ShaderNodeEmission",
    "diffuse": "ShaderNodeBsdfDiffuse",
    "transparent": "ShaderNodeBsdfTransparent",
    "glossy": "ShaderNodeBsdfAnisotropic",
    "mix": "ShaderNodeMixShader",
    "add": "ShaderNodeAddShader",
    "path": "ShaderNodeLightPath",
    "geometry": "ShaderNodeNewGeometry",
    "math": "ShaderNodeMath",
    "rgb_mix": "ShaderNodeMix",
    "old_mix": "ShaderNodeMixRGB",
    "ramp": "ShaderNodeValToRGB",
    "noise": "ShaderNodeTexNoise",
    "hue": "ShaderNodeHueSaturation",
    "gamma": "ShaderNodeGamma",
    "separate": "ShaderNodeSeparateColor",
    "combine": "ShaderNodeCombineColor",
    "attribute": "ShaderNodeVertexColor",
    "bump": "ShaderNodeBump",
    "to_rgb": "ShaderNodeShaderToRGB",
    "reroute": "NodeReroute",
    "rgb": "ShaderNodeRGB",
}


class Graph:
    """A node tree that is written down as ``source.output > target.input``, by the names of KINDS and "a", "b" for
    Image Textures with an image of that name. A number stands for the place of a socket.
    """

    def __init__(self, tree, text="", **values):
        self.tree, self.nodes = tree, {}
        for line in text.split("\n"):
            if line.strip():
                source, target = line.split(">")
                self.link(source, target)
        for name, value in values.items():
            self.socket(name.replace("__", "."), "inputs").default_value = value

    def __getitem__(self, name):
        if name not in self.nodes:
            kind = KINDS.get(name.rstrip("12"), "ShaderNodeTexImage")
            node = self.nodes[name] = self.tree.nodes.new(kind)
            if kind == "ShaderNodeTexImage":
                node.image = new_image(name, GREY)
            if name == "rgb_mix":
                node.data_type = "RGBA"
        return self.nodes[name]

    def socket(self, text, side):
        name, _, key = text.strip().partition(".")
        sockets = getattr(self[name], side)
        if key.isdigit():
            return sockets[int(key)]
        return next(s for s in sockets if s.enabled and s.name == (key or sockets[0].name))

    def link(self, source, target):
        return self.tree.links.new(self.socket(source, "outputs"), self.socket(target, "inputs"))


@pytest.fixture
def material(plane):
    material = bpy.data.materials.new("Theirs")
    if material.node_tree is None:
        material.use_nodes = True
    material.node_tree.nodes.clear()
    plane.data.materials.append(material)
    return material


def texture_of(material, engine="EEVEE"):
    node = shown_color.find(material.node_tree, engine).texture
    return node.image.name if node is not None else None


def spot_of(graph, engine="EEVEE"):
    """The node and the name of the input that a new texture goes into."""
    socket = shown_color.find(graph.tree, engine).color.spot.socket
    return next(name for name, node in graph.nodes.items() if node == socket.node), socket.name


PLAIN = "principled > output\n"
CUT_OUT = "mix > output\ntransparent > mix.1\nemission > mix.2\n"
TEXTURES = {
    "cut out": (CUT_OUT + "a > emission\nb.Alpha > mix.0", "a"),
    "cut out, the other way round": (
        "mix > output\ntransparent > mix.2\ndiffuse > mix.1\na > diffuse\na.Alpha > mix.0",
        "a",
    ),
    "tinted where it is transparent": (CUT_OUT + "a > emission\nb > transparent", "a"),
    "roughness alone": (PLAIN + "a > principled.Roughness", None),
    "alpha alone": (PLAIN + "a.Alpha > principled.Alpha", None),
    "an alpha as the colour": (PLAIN + "a.Alpha > principled.Base Color", None),
    "normal before colour": (
        PLAIN + "b > bump.Height\nbump > principled.Normal\na > principled.Base Color",
        "a",
    ),
    "mask of a mix": (PLAIN + "b > rgb_mix.Factor\na > rgb_mix.B\nrgb_mix.2 > principled.Base Color", "a"),
    "two mixed": (PLAIN + "b > rgb_mix.B\na > rgb_mix.A\nrgb_mix.2 > principled.Base Color", "a"),
    "gradient": (PLAIN + "a > ramp.0\nramp > principled.Base Color", None),
    "where a texture is": (PLAIN + "a > noise.Vector\nnoise.Color > principled.Base Color", None),
    "corrected": (PLAIN + "a > hue.Color\nhue > gamma.Color\ngamma > principled.Base Color", "a"),
    "taken apart": (
        PLAIN + "a > separate\nseparate > combine\nseparate.1 > combine.1\ncombine > principled.Base Color",
        "a",
    ),
    "with vertex colours": (
        PLAIN + "attribute > old_mix.1\na > old_mix.2\nold_mix > principled.Base Color",
        "a",
    ),
    "reroutes": (PLAIN + "a > reroute\nreroute > reroute1\nreroute1 > principled.Base Color", "a"),
    "two surfaces, one without": ("mix > output\nprincipled > mix.1\ndiffuse > mix.2\na > diffuse", "a"),
    "coat over diffuse": ("mix > output\nglossy > mix.1\ndiffuse > mix.2\nb > glossy\na > diffuse", "a"),
    "a glow on a surface": (
        "add > output\nemission > add.0\nprincipled > add.1\nb > emission\na > principled.Base Color",
        "a",
    ),
    "a picture as the surface": ("a > output", "a"),
    "toon": ("to_rgb > output\ndiffuse > to_rgb\na > diffuse", "a"),
    "toon, mixed": (
        "emission > output\nrgb_mix.2 > emission\nto_rgb > rgb_mix.A\ndiffuse > to_rgb\na > rgb_mix.B",
        "a",
    ),
}


@pytest.mark.parametrize("shape", TEXTURES)
def test_which_texture_is_the_colour(material, shape):
    text, expected = TEXTURES[shape]
    graph = Graph(material.node_tree, text)
    if "rgb_mix" in graph.nodes:
        graph["rgb_mix"].inputs[0].default_value = 0.5  # 1 in a new node from 5.2 on
    assert texture_of(material) == expected


@pytest.mark.parametrize("blend", ["MULTIPLY", "MIX"])
def test_data_is_laid_over_a_colour(material, blend):
    graph = Graph(
        material.node_tree, PLAIN + "b > rgb_mix.A\na > rgb_mix.B\nrgb_mix.2 > principled.Base Color"
    )
    graph["rgb_mix"].blend_type, graph["rgb_mix"].inputs[0].default_value = blend, 0.5
    graph["b"].image.colorspace_settings.name = "Non-Color"
    assert texture_of(material) == "a"


@pytest.mark.parametrize(("factor", "expected"), [(0.0, "a"), (0.3, "a"), (0.7, "b"), (1.0, "b")])
@pytest.mark.parametrize("text", [PLAIN + "a > rgb_mix.A\nb > rgb_mix.B\nrgb_mix.2 > principled.Base Color"])
def test_the_larger_part_of_a_mix(material, factor, expected, text):
    Graph(material.node_tree, text, rgb_mix__Factor=factor)
    assert texture_of(material) == expected


@pytest.mark.parametrize(("factor", "expected"), [(0.0, "a"), (1.0, "b")])
def test_of_a_full_mix_of_shaders_one_is_seen(material, factor, expected):
    text = "mix > output\nprincipled > mix.1\nemission > mix.2\na > principled.Base Color\nb > emission"
    graph = Graph(material.node_tree, text)
    graph["mix"].inputs[0].default_value = factor
    assert texture_of(material) == expected


LIGHT = "mix > output\nemission > mix.1\nemission1 > mix.2\na > emission\nb > emission1\n"
TRICKS = {
    "path.Is Camera Ray > mix.0": "b",
    "path.Is Shadow Ray > mix.0": "a",
    "geometry.Backfacing > mix.0": "a",
    "path.Is Camera Ray > math.1\nmath > mix.0": "a",  # 1 - 1
    "path.Is Glossy Ray > math.1\nmath > mix.0": "b",  # 1 - 0
}


@pytest.mark.parametrize("trick", TRICKS)
def test_what_a_camera_sees_from_the_front(material, trick):
    graph = Graph(material.node_tree, LIGHT + trick)
    if "math" in graph.nodes:
        graph["math"].operation, graph["math"].inputs[0].default_value = "SUBTRACT", 1.0
    assert texture_of(material) == TRICKS[trick]


def test_a_surface_that_only_glows(material):
    graph = Graph(material.node_tree, PLAIN + "a > principled.Emission Color")
    assert texture_of(material) is None and spot_of(graph) == ("principled", "Base Color")
    graph["principled"].inputs["Base Color"].default_value = (0, 0, 0, 1)
    graph["principled"].inputs["Emission Strength"].default_value = 1
    assert texture_of(material) == "a" and spot_of(graph) == ("principled", "Emission Color")


def test_a_surface_that_is_black_by_a_node_only_glows(material):
    text = PLAIN + "rgb > principled.Base Color\na > principled.Emission Color"
    graph = Graph(material.node_tree, text, **{"principled.Emission Strength": 1})
    graph["rgb"].outputs[0].default_value = (0, 0, 0, 1)
    assert texture_of(material) == "a" and spot_of(graph) == ("principled", "Emission Color")
    graph["rgb"].outputs[0].default_value = (0.5, 0, 0, 1)
    assert texture_of(material) is None and spot_of(graph) == ("principled", "Base Color")


def test_a_principled_that_nobody_sees(material):
    graph = Graph(
        material.node_tree, "add > output\nprincipled > add.0\ndiffuse > add.1", principled__Alpha=0.0
    )
    assert spot_of(graph) == ("diffuse", "Color")


def test_muted_nodes_and_links(material):
    graph = Graph(material.node_tree, PLAIN + "a > hue.Color\nhue > principled.Base Color")
    graph["hue"].mute = True
    assert texture_of(material) == "a"
    graph.tree.links[-1].is_muted = True
    assert texture_of(material) is None and spot_of(graph) == ("principled", "Base Color")
    graph.tree.links[0].is_muted = True
    surface = shown_color.find(graph.tree, "EEVEE")
    assert surface.muted and surface.texture is None and spot_of(graph) == ("principled", "Base Color")


OUTPUTS = [
    ({"CYCLES": "a", "EEVEE": "b"}, {"CYCLES": "a", "EEVEE": "b", "ALL": "b"}),
    ({"CYCLES": "a"}, {"CYCLES": "a", "EEVEE": "a", "ALL": "a"}),
    ({"ALL": "a", "CYCLES": "b"}, {"CYCLES": "b", "EEVEE": "a", "ALL": "a"}),
]


@pytest.mark.parametrize(("outputs", "expected"), OUTPUTS)
def test_the_output_that_the_engine_reads(material, outputs, expected):
    for target, name in outputs.items():
        graph = Graph(material.node_tree, f"emission > output\n{name} > emission")
        graph["output"].target = target
    assert {engine: texture_of(material, engine)[0] for engine in expected} == expected


def test_which_outputs_the_engines_read():
    render = bpy.context.scene.render
    seen = {}
    for engine in ("CYCLES", "BLENDER_EEVEE_NEXT", "BLENDER_EEVEE", "BLENDER_WORKBENCH"):
        try:
            render.engine = engine
        except TypeError:  # of another Blender
            continue
        seen[engine.replace("_NEXT", "")] = shown_color.engine_of(bpy.context.scene)
    assert seen == {"CYCLES": "CYCLES", "BLENDER_EEVEE": "EEVEE", "BLENDER_WORKBENCH": "ALL"}


def test_a_loop_ends(material):
    graph = Graph(material.node_tree, PLAIN + "hue > principled.Base Color\ngamma > hue.Color")
    graph.link("hue", "gamma.Color")
    assert texture_of(material) is None


@pytest.mark.parametrize("kind", ["ShaderNodeMixRGB", "ShaderNodeMixShader"])
def test_more_ways_through_than_there_is_time_for(material, kind):
    """Each mix doubles the ways."""
    tree = material.node_tree
    graph = Graph(tree, "a > emission")
    last = graph["a" if kind == "ShaderNodeMixRGB" else "emission"].outputs[0]
    for _ in range(60):
        mix = tree.nodes.new(kind)
        tree.links.new(last, mix.inputs[1])
        tree.links.new(last, mix.inputs[2])
        last = mix.outputs[0]
    tree.links.new(last, graph["output"].inputs["Surface"])
    assert texture_of(material) == "a"


NAMES = {
    "BaseColor": 0,
    "base_color": 0,
    "Base Colour": 0,
    "Base Color Map": 0,
    "ALBEDO": 1,
    "Diffuse Color": 2,
    "Diffuse": 3,
    "Colour": 5,
    "Tint": 6,
    "Roughness": 7,
    "Color Ramp Factor": 7,
    "Texture": 7,
}


def test_the_names_of_a_colour():
    names = color_inputs.COLOR_NAMES
    ranks = {
        name: names.index(plain) if (plain := color_inputs.plain_name(name)) in names else len(names)
        for name in NAMES
    }
    assert ranks == NAMES


def group_of(name, inputs=(), output="Color"):
    """A group with colour inputs and one output, of colour or shader."""
    group = bpy.data.node_groups.new(name, "ShaderNodeTree")
    kind = "NodeSocketColor" if output == "Color" else "NodeSocketShader"
    group.interface.new_socket(output, in_out="OUTPUT", socket_type=kind)
    for label in inputs:
        group.interface.new_socket(label, in_out="INPUT", socket_type="NodeSocketColor")
    graph = Graph(group)
    graph.nodes["begin"], graph.nodes["end"] = (
        group.nodes.new("NodeGroupInput"),
        group.nodes.new("NodeGroupOutput"),
    )
    return graph


def use(graph, name, group):
    graph.nodes[name] = graph.tree.nodes.new("ShaderNodeGroup")
    graph.nodes[name].node_tree = group.tree
    return graph.nodes[name]


def pbr(label="Some Name", *more):
    """A group as exporters make it: a Principled BSDF inside, its Base Color corrected."""
    group = group_of("PBR", (*more, label), "BSDF")
    group.link("principled", "end")
    group.link("hue", "principled.Base Color")
    group.link(f"begin.{label}", "hue.Color")
    return group


def test_a_texture_before_a_group(material):
    graph = Graph(material.node_tree)
    use(graph, "group", pbr())
    graph.link("group", "output")
    assert spot_of(graph) == ("group", "Some Name")
    graph.link("a", "group.Some Name")
    assert texture_of(material) == "a" and spot_of(graph) == ("group", "Some Name")


def test_a_texture_before_groups_in_a_group(material):
    outer = group_of("Outer", ("Skin",), "Shader")
    use(outer, "inner", pbr("Albedo", "Tint"))
    outer.link("inner", "end")
    outer.link("begin.Skin", "inner.Albedo")
    graph = Graph(material.node_tree)
    use(graph, "group", outer)
    graph.link("group", "output")
    graph.link("a", "group.Skin")
    assert texture_of(material) == "a" and spot_of(graph) == ("group", "Skin")


def test_of_several_inputs_the_one_that_is_called_a_colour(material):
    group = group_of("Mixes", ("Dirt", "Base Color"), "BSDF")
    group.link("principled", "end")
    group.link("old_mix", "principled.Base Color")
    group.link("begin.Dirt", "old_mix.1")
    group.link("begin.Base Color", "old_mix.2")
    graph = Graph(material.node_tree)
    use(graph, "group", group)
    graph.link("group", "output")
    assert spot_of(graph) == ("group", "Base Color")


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize(
    ("tint", "picture", "expected"),
    [
        ("Diffuse Color", "Base Tex", "Base Tex"),
        ("Color", "Image", "Image"),
        ("Base Color", "Base Color Map", "Base Color Map"),
        ("Base Color", "Dirt", "Base Color"),
    ],
)
def test_a_texture_beside_a_tint_is_what_is_replaced(material, tint, picture, expected, corrected):
    """As groups of importers have it: what is drawn over the old texture is not the new one."""
    group = group_of("Toon", (tint, picture), "Shader")
    group.link("diffuse", "end")
    group.link("old_mix", "diffuse")
    group.link(f"begin.{tint}", "old_mix.1")
    group.link(f"begin.{picture}", "old_mix.2")
    group["old_mix"].blend_type = "MULTIPLY"
    graph = Graph(material.node_tree)
    use(graph, "group", group)
    graph.link("group", "output")
    assert spot_of(graph) == ("group", tint)
    graph.link("a", "hue.Color" if corrected else f"group.{picture}")
    if corrected:
        graph.link("hue", f"group.{picture}")
    assert texture_of(material) == "a" and spot_of(graph) == ("group", expected)


def colour_group(graph):
    """A group in the Base Color, with a texture inside."""
    group = group_of("Colour")
    group.link("a", "end")
    use(graph, "group", group)
    graph.link("group", "principled.Base Color")
    return group


def test_a_texture_inside_a_colour_group(material, plane, settings):
    graph = Graph(material.node_tree, PLAIN)
    group = colour_group(graph)
    assert texture_of(material) == "a" and spot_of(graph) == ("principled", "Base Color")
    group["a"].extension = "MIRROR"
    generate()
    node = materials.base_color_texture(material)
    assert node.image.name == "mossy stone" and node.id_data == material.node_tree
    assert group["a"].image.name == "a" and node.extension == "MIRROR" and not status.note


@pytest.mark.parametrize("users", [1, 2])
def test_a_result_inside_a_group_is_replaced_where_it_is_nobody_elses(material, plane, settings, users):
    graph = Graph(material.node_tree, PLAIN)
    group = colour_group(graph)
    group["a"].image["sd_blender"] = "ours"
    if users > 1:
        use(graph, "other", group)
    generate()
    assert (group["a"].image.name == "mossy stone") == (users == 1)
    assert materials.base_color_texture(material).image.name == "mossy stone" and not status.note


def shader_group(graph):
    """A whole material in a group without inputs."""
    group = group_of("Whole", (), "BSDF")
    group.link("principled", "end")
    group.link("a", "principled.Base Color")
    use(graph, "group", group)
    graph.link("group", "output")
    return group


def test_into_a_group_that_nothing_else_uses(material, plane, settings):
    group = shader_group(Graph(material.node_tree))
    nodes = len(material.node_tree.nodes)
    generate()
    node = materials.base_color_texture(material)
    assert node.image.name == "mossy stone" and node.id_data == group.tree
    assert len(material.node_tree.nodes) == nodes and not status.note


def test_not_into_a_group_that_others_use(material, plane, settings, engine):
    graph = Graph(material.node_tree)
    use(graph, "other", shader_group(graph))
    with pytest.raises(
        RuntimeError, match='inside the group "Whole", which others use too; make it single-user'
    ):
        bpy.ops.sdb.generate()
    assert not engine.requests


def test_not_into_a_group_of_another_file(material, plane, settings, engine, tmp_path):
    path = str(tmp_path / "library.blend")
    group = shader_group(Graph(material.node_tree))
    bpy.data.libraries.write(path, {group.tree})
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.node_groups = ["Whole"]
    node = next(n for n in material.node_tree.nodes if n.type == "GROUP")
    node.node_tree = next(g for g in bpy.data.node_groups if g.library)
    assert texture_of(material) == "a"
    with pytest.raises(RuntimeError, match="which is linked from another file; make it local, or set Result"):
        bpy.ops.sdb.generate()
    assert not engine.requests


def test_a_group_that_passes_nothing_on_is_told(material, plane, settings):
    graph = Graph(material.node_tree)
    use(graph, "group", group_of("Empty", ("Albedo",), "Shader"))
    graph.link("group", "output")
    generate()
    assert graph["group"].inputs["Albedo"].is_linked
    assert "passes no colour on, so the texture shows nowhere" in status.note


def test_a_zone_that_repeats(material):
    tree = material.node_tree
    try:
        end = tree.nodes.new("GeometryNodeRepeatOutput")
    except RuntimeError:
        pytest.skip("this Blender has no zones in materials")
    begin = tree.nodes.new("GeometryNodeRepeatInput")
    begin.pair_with_output(end)
    end.repeat_items.new("RGBA", "Layer")
    graph = Graph(tree, PLAIN)
    tree.links.new(graph["a"].outputs[0], begin.inputs["Layer"])
    tree.links.new(begin.outputs["Layer"], graph["hue"].inputs["Color"])
    tree.links.new(graph["hue"].outputs[0], end.inputs["Layer"])
    tree.links.new(end.outputs["Layer"], graph["principled"].inputs["Base Color"])
    assert texture_of(material) == "a"


def test_an_earlier_result_that_is_not_the_colour_stays(material, plane, settings):
    graph = Graph(material.node_tree, PLAIN + "a > principled.Roughness\nb > ramp.0")
    for name in "ab":
        graph[name].image["sd_blender"] = "ours"
    generate()
    assert (graph["a"].image.name, graph["b"].image.name) == ("a", "b")
    assert materials.base_color_texture(material).image.name == "mossy stone"


def test_an_earlier_result_in_a_mix_is_replaced_in_the_mix(material, plane, settings):
    graph = Graph(
        material.node_tree, PLAIN + "a > rgb_mix.A\nb > rgb_mix.B\nrgb_mix.2 > principled.Base Color"
    )
    graph["b"].image["sd_blender"] = "ours"
    graph["rgb_mix"].inputs[0].default_value = 0.5
    links = len(graph.tree.links)
    generate()
    assert graph["b"].image.name == "mossy stone" and graph["a"].image.name == "a"
    assert len(graph.tree.links) == links and not status.note


def test_a_toon_shading_goes_on_to_be_mixed_with_the_texture(material, plane, settings):
    graph = Graph(
        material.node_tree,
        "emission > output\nold_mix > emission\nto_rgb > old_mix.1\ndiffuse > to_rgb\na > old_mix.2",
    )
    graph["old_mix"].blend_type = "MULTIPLY"
    generate()
    assert graph["old_mix"].inputs[2].links[0].from_node.image.name == "mossy stone"
    assert graph["old_mix"].inputs[1].is_linked and graph["emission"].inputs[0].is_linked


def test_the_mapping_of_a_corrected_texture_is_taken_over(material, plane, settings):
    graph = Graph(material.node_tree, PLAIN + "a > hue.Color\nhue > principled.Base Color")
    coordinates = graph.tree.nodes.new("ShaderNodeTexCoord")
    graph.tree.links.new(coordinates.outputs["Object"], graph["a"].inputs["Vector"])
    graph["a"].projection = "BOX"
    generate()
    node = materials.base_color_texture(material)
    assert node.image.name == "mossy stone" and node.projection == "BOX"
    assert node.inputs["Vector"].links[0].from_socket == coordinates.outputs["Object"]


def test_nodes_of_a_tile_set_keep_it(material, plane, settings):
    graph = Graph(material.node_tree, PLAIN + "a > principled.Base Color")
    graph["a"].image = tiles = bpy.data.images.new("Tiles", 16, 16, tiled=True)
    generate()
    assert graph["a"].image == tiles
    assert materials.base_color_texture(material).image.name == "mossy stone"


TOLD = {
    "an output of the other engine": (
        lambda graph: setattr(graph["output"], "target", "CYCLES"),
        "has an output for Cycles alone, so this scene does not render the texture",
    ),
    "a muted link": (
        lambda graph: setattr(graph.tree.links[0], "is_muted", True),
        "A muted link or node of material",
    ),
    "a muted shader": (
        lambda graph: setattr(graph["principled"], "mute", True),
        "A muted link or node of material",
    ),
    "nothing to see": (
        lambda graph: setattr(graph["principled"].inputs["Alpha"], "default_value", 0.0),
        "hides most or all of the texture; look at its Alpha",
    ),
}


@pytest.mark.parametrize("why", TOLD)
def test_what_hides_the_texture_is_told(material, plane, settings, why):
    change, sentence = TOLD[why]
    graph = Graph(material.node_tree, PLAIN + "a > principled.Base Color")
    change(graph)
    nodes = len(graph.tree.nodes)
    generate()
    assert sentence in status.note
    assert graph["principled"].inputs["Base Color"].links[0].from_node.image.name == "mossy stone"
    assert len(graph.tree.nodes) == nodes + 1


def test_another_look_in_material_preview_is_told(material, plane, settings):
    bpy.context.scene.render.engine = "CYCLES"
    for target in ("CYCLES", "EEVEE"):
        Graph(material.node_tree, PLAIN)["output"].target = target
    generate()
    assert status.note.startswith("Material Preview shows another output of material")
    assert len(bpy.data.images) == 1


def test_each_tree_is_looked_through_once(material, monkeypatch):
    """The links of a socket are looked for among all links of the tree; asking three hundred nodes took 50 ms."""
    tree = material.node_tree
    graph = Graph(tree, PLAIN)
    last = graph["a"].outputs[0]
    for _ in range(300):
        node = tree.nodes.new("ShaderNodeGamma")
        tree.links.new(last, node.inputs["Color"])
        last = node.outputs[0]
    tree.links.new(last, graph["principled"].inputs["Base Color"])
    looked = []

    class Wires(shown_color.Wires):
        def _read(self, tree):
            looked.append(tree)
            return super()._read(tree)

    monkeypatch.setattr(shown_color, "Wires", Wires)
    assert texture_of(material) == "a"
    assert looked == [tree]
