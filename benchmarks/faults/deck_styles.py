"""Decks as people and programs write them: what is held against ngspice, and what is mutated."""

RESISTIVE = {
    "suffixes": """numbers
V1 a 0 1.5kV
R1 a b 10K
R2 b c .5MegOhm
R3 c d 1g
R4 d e 100mil
R5 e 0 2e3
R6 b 0 1T
R7 c 0 4.7E+3meg
I1 0 d 3u
I2 0 e 4.5mA
""",
    "comments and continuations": """styles
* a star
V1 a 0
+ 5 ; a semicolon
R1 a b 1k $ a dollar
R2 b 0
* a comment between

+ 3k // slashes
$ a line
  R3 a b
+
+ 2k
""",
    "case": """letters
.PARAM Big=2K
v1 Node1 GND 5
R1 NODE1 node2 {BIG}
r2 Node2 0 'big*2'
XA node2 0 Half
.SUBCKT half P M
RX p M {bIG/2}
.ENDS
""",
    "parameters": """parameters in any order
.param c={a*b} b=2
.param a=5 d='c+b' e=2*3+d
V1 n1 0 {e}
R1 n1 n2 {c}
R2 n2 0 {max(d, 3)*min(2, 1)}
R3 n2 0 {sqrt(16)+abs(-3)+int(2.7)+nint(3.5)+floor(2.5)+ceil(2.5)+sgn(-4)}
R4 n2 0 {exp(1)+ln(10)+log(10)+log10(10)+sin(1)+cos(1)+tan(1)+atan(1)}
R5 n2 0 {a>4 ? 7 : 8}
R6 n2 0 {(a>4) && (b<1) ? 7 : 8}
R7 n2 0 {2**3 + 2^3 + pow(2,3) + pwr(3,2)}
R8 n2 0 {1 + 7%4}
R9 n2 0 {(a==5) + (b!=2) + (a>=5) + (b<=2) + !0 + 1}
R10 n2 0 {asinh(1)+acosh(2)+atanh(0.5)+sinh(1)+cosh(1)+tanh(1)+asin(0.5)+acos(0.5)}
""",
    "scopes": """who sees what
.param a=5 w=3
.subckt s1 p a=1
.param c={a*2}
r1 p 0 {c}
.ends
.subckt s2 p
.param a=10
x1 p s1 a={a}
x2 p s1
.ends
.subckt s5 p
r1 p 0 {w}
.ends
.subckt s6 p
.param w=30
x1 p s5
.ends
.subckt s8 p a=1 b={a*2}
r1 p 0 {b}
.ends
.subckt s10 p a=1
.param a=20
r1 p 0 {a}
.ends
.subckt s11 p q=3
.param q=20
r1 p 0 {q}
.ends
.subckt s17 p m=1
r1 p 0 {m}
.ends
r1 n1 1 1
v1 n1 0 1
x1 1 s1
r2 n1 2 1
x2 2 s1 a=7
r3 n1 3 1
x3 3 s2
r4 n1 4 1
x4 4 s1 c=9
r5 n1 5 1
x5 5 s6
r7 n1 7 1
x7 7 s1 m=2
r8 n1 8 1
x8 8 s8 a=4
r10 n1 10 1
x10 10 s10 a=4
r11 n1 11 1
x11 11 s11
r17 n1 17 1
x17 17 s17 m=5
""",
    "definitions inside": """subcircuits and models in subcircuits
.subckt outer p
.subckt inner q
.model my r(r=8k)
r1 q 0 my
r2 q 0 1k
.ends
.model just r r=43
x1 p inner
r3 p 0 my
r4 p 0 just
.ends
.subckt inner q
r1 q 0 3k
.ends
.model my r(r=4k)
v1 n 0 5
ra n a 100
xa a outer
rb n b 100
xb b inner
""",
    "functions": """functions of the deck
.param k=2
.func twice(x) {2*x}
.func sum(x, y) = 'twice(x)+y*k'
.func none() {7}
v1 n 0 {none()}
r1 n a {twice(5)}
r2 a 0 {sum(1, 2)}
.subckt s p k=1
.func local(x) {x*k}
r1 p 0 {local(3)+twice(k)}
.ends
x1 a s k=4
""",
    "conditions": """if
.param select=3 other=3
v1 1 0 5
r9 1 2 100
.if (select == 1)
r1 2 0 1
.elseif (select == 2)
r1 2 0 10
.else
.if (other == 1)
r1 2 0 100
.elseif (other == 3)
r1 2 0 300
.else
r1 2 0 400
.endif
.endif
.subckt s p a=1
.if (a > 2)
r1 p 0 50
.else
r1 p 0 60
.endif
.ends
x1 2 s a=3
x2 2 s
""",
    "everywhere": """global nodes and nested instances
.global vdd
v1 vdd 0 5
.subckt leaf a
r1 vdd a 1k
r2 a inner 2k
r3 inner 0 3k
.ends
.subckt tree a b
x1 a leaf
x2 b leaf
r1 a b 500
.ends
x1 n1 n2 tree
r1 n1 0 10k
""",
    "controlled": """linear controlled sources
v1 in 0 2
r1 in a 1k
vs a b 0
r2 b 0 1k
e1 c 0 a b 3
e2 d 0 in 0 {1+1}
rc c 0 1k
rd d 0 1k
g1 0 e in 0 1m
re e 0 1k
f1 0 f vs 2
rf f 0 1k
h1 g 0 vs 500
rg g 0 1k
f2 0 f vs {3} m=2
g2 0 e in 0 1m m=3
i2 0 e 1m m=2
""",
    "temperature": """temperature
.temp 77
.model rm r(rsh=10 r=5 tc1=0.01 narrow=0.1u)
v1 n 0 1
r0 n 1 1
r1 1 0 100 tc1=0.01 tc2=1e-4
r2 n 2 1
r2b 2 0 rm l=10u w=1u
r3 n 3 1
r3b 3 0 rm 100
r4 n 4 1
r4b 4 0 100 tc=0.01 m=2 scale=3
r5 n 5 1
r5b 5 0 100 temp=30 tc1=0.5
r6 n 6 1
r6b 6 0 100 dtemp=10 tc1=0.5
r7 n 7 1
r7b 7 0 rm
r8 n 8 1
r8b 8 0 {temper}
r9 n 9 1
r9b 9 0 0
""",
}
"""Decks of linear elements, by what they show."""

BEHAVIOURAL = {
    "polynomials": """POLY
v1 a 0 1.5
v2 b 0 -0.5
r1 a b 1k
e1 c 0 poly(1) a 0 0 3
e2 d 0 poly(2) (a,0) (b,0) 1 2 3 4 5 6 7 8
e3 e 0 poly(1) (a,0) 1 1 {1+1} 0.5
g1 0 f poly(2) a 0 b 0 0 1m 2m 3m
rf f 0 1k
f1 0 g poly(1) v1 1m 100
rg g 0 1k
h1 h 0 poly(2) v1 v2 0 1 2 300
e4 i 0 poly(3) (a,0) (b,0) (a,b) 0 1 2 3 4 5 6 7 8 9
""",
    "forms": """values and tables
.param k=2
v1 a 0 0.75
r1 a 0 1
e1 b 0 value={v(a)*2+temper}
e2 c 0 vol='v(a)*k'
e3 d 0 table {v(a)} = (0,0) (0.5,3) (1,4)
e4 e 0 table {v(a)*4} (0,0) (0.5,3)
g1 0 f cur='v(a)*3' m=2
rf f 0 1
b1 g 0 v=pwl(v(a),0,0,0.5,3)
b2 h 0 V={ v(a) > 0.5 ? v(a, 0)**2 : 0 }
b3 0 i i = v(a)*k + 1
ri i 0 2
b4 j 0 v=i(v1)*k
r5 k 0 r='1+v(a)'
r6 a k 3
b5 l 0 v=i(r6)*2
b6 0 m i=v(a) tc1=0.01 temp=37
rm m 0 1
""",
    "functions": """functions of a source
.param k=2
.func f(x) {x*v(a)+k}
v1 a 0 0.3
v2 b 0 -0.7
b1 1 0 v=abs(v(b))+acos(v(a))+asin(v(b))+atan(v(b))+sqrt(v(a))+exp(v(b))
b2 2 0 v=acosh(1+v(a))+asinh(v(b))+atanh(v(b))+cosh(v(b))+sinh(v(b))+tanh(v(b))
b3 3 0 v=ln(v(a))+log(v(a))+log10(v(a))+sin(v(b))+cos(v(b))+tan(v(b))
b4 4 0 v=min(v(a),v(b))+10*max(v(a),v(b))+sgn(v(b))+u(v(a))+uramp(v(b))+u2(v(a))
b5 5 0 v=floor(v(b))+ceil(v(b))+nint(v(b)*5)+u(0)
b6 6 0 v=v(b)^3+v(b)**2+pow(v(b),3)+pwr(v(b),3)
b7 7 0 v=(v(a)>0)+2*(v(b)>=0)+4*(v(a)<1)+8*(v(b)<=-1)+16*(v(0)==0)+32*(v(0)!=0)
b8 8 0 v=(v(a)&&0)+2*(v(a)||0)+4*(!v(a))
b9 9 0 v=f(3)-f(v(b))
b10 10 0 v=v(a)>0.5 ? 1 : v(a)>0.2 ? 2 : 3
b11 11 0 v=-v(b)^2+2*-3
b12 12 0 v=eq0(v(a))+ne0(v(a))+gt0(v(b))+lt0(v(b))+ge0(v(a))+le0(v(a))
b13 13 0 v=pi*e*temper
b14 14 0 v=v(a)-v(b)-1-2*3/4*5
""",
    "waves": """sources without a value have that of t = 0
v1 1 0 sin(1 2 1k 0 0 90)
v2 2 0 pulse(3 4)
v3 3 0 pwl(0 2 1 3)
v4 4 0 exp(7 8 1u)
v5 5 0 sffm(2 1 1k 1 1k)
v6 6 0 am(1 2 3 4)
v7 7 0 2 sin(1 1 1k)
v8 8 0 pwl(1 2 2 3)
v9 9 0 pwl(-1 2 1 4)
v10 10 0 sin(1 2 1k 1m 0 90)
v11 11 0 dc=3 ac=1
v12 12 0 ac 1 dc 4
v13 13 0 5 ac 1 0
i1 0 14 sin(5 1 1)
r1 14 0 1
v15 15 0
v16 16 0 'sin(0.3)' ac 1
v17 17 0 PULSE ( 5 -1 0.05ms 100ns 100ns 0.1ms 0.2ms ) AC 1
""",
    "inside": """sources in subcircuits
.param gain=3
.subckt amp in out gain=1
vs in mid 0
rs mid 0 1k
bout out 0 v={gain*v(mid)+i(vs)*100}
f1 0 out2 vs {gain}
r1 out2 0 1k
e1 out3 0 value={v(in,out2)+gain}
.ends
v1 a 0 0.5
x1 a b amp gain={gain*2}
x2 b c amp
b1 d 0 v=i(v1)+v(x1.mid)
r2 c 0 1k
""",
}
"""Decks with expressions, by what they show."""

OTHERS = {
    "ngspice": """* a transistor and a diode
.options reltol=1e-4 gmin=1e-12 temp=30
.model nm NMOS(VTO=0.7 KP=100u LAMBDA=0.02)
.model dx D(IS=1n N=1.8 RS=1)
.model dy ako:dx D(RS=2)
VDD vdd 0 5
VIN in 0 DC 1.2 AC 1
M1 out in 0 0 nm W=10u L=2u AD=1p
M2 out out vdd 0 nm w={2*5u} l=1u m=2 off
D1 out 0 dx 2 temp=40
D2 0 out dy area=3 off
C1 out 0 1p IC=0
L1 out o2 1u
K1 L1 L1 0.5
R1 o2 0 10k
.nodeset v(out)=2.5
.ic v(out)=1
.op
.dc VIN 0 5 0.5 VDD 4 5 1
.print dc v(out) v(out,in) i(VDD) v(out)/2
.tran 1n 1u
.control
run
print all
let x = v(out)
if x > 1
  echo big
end
.endc
.end
""",
    "kicad": """.title KiCad schematic
.model __D1 D(IS=2.5n N=1.75)
R1 /in Net-(D1-A) 4.7k
D1 Net-(D1-A) 0 __D1
V1 /in 0 DC 5
R2 /x{slash} 0 1k
V2 /x{slash} 0 1
.save all
.probe alli
.op
.end
""",
    "ltspice": """* C:\\users\\me\\x.asc
V1 N001 0 5 Rser=10
R1 N001 N002 1k
D1 N002 0 D
B1 N003 0 V=if(V(N002)>0.5,1,0)
R2 N003 0 10µ
.model D D
.lib C:\\LTspice\\lib\\cmp\\standard.dio
.op
.backanno
.end
""",
    "xyce": """an amplifier
.global_param scale2=2
.param res={3*scale2}
.func f(x,y) {x*y+1}
V1 1 0 DC 5
R1 1 2 {res}
R2 2 0 1k TC=0.01,0.001
X1 2 3 amp PARAMS: gain={res/2}
.subckt amp in out PARAMS: gain=1
Bamp out 0 V={gain*f(V(in),2)}
Rout out 0 1k
.ends amp
E1 4 0 POLY(2) (1,0) (2,0) 0 1 2 ; a polynomial
E2 5 0 TABLE {V(2)} = (0,0) (1,2)
R3 4 0 1
R4 5 0 1
.OPTIONS LINSOL TYPE=KLU
.OPTIONS DEVICE TEMP=37
.DC V1 1 10 1
.PRINT DC FORMAT=NOINDEX PRECISION=10 V(1) {V(1)*2} I(V1)
.END
""",
}
"""Decks in the manner of programs."""

ALL = {**RESISTIVE, **BEHAVIOURAL, **OTHERS}
