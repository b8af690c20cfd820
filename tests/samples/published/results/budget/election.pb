META
key;value
description;"예산 투표"
country;"South Korea"
unit;Gwangsan-gu
instance;budget
num_projects;5
num_votes;28
budget;150000000
vote_type;approval
rule;unknown
date_begin;07.08.2023
date_end;25.08.2023
min_length;1
max_length;3
language;ko
currency;KRW
min_project_score_threshold;2
PROJECTS
project_id;cost;votes;name;selected;category
bench;60000000;14;"쉬는 의자";0;"general"
bus;90000000;20;"마을버스";1;"fixed"
few;1000000;1;"작은 도서관";0;"general"
lamp;60000000;14;"<가로등> 바꾸기";1;"general"
ramp;40000000;9;"경사로";0;"general"
VOTES
voter_id;vote;voting_method
AAAA-AAAA-AAAA-0000;bus,lamp,ramp;internet
AAAA-AAAA-AAAA-0001;bus,lamp;internet
AAAA-AAAA-AAAA-0002;bus,lamp;internet
AAAA-AAAA-AAAA-0003;bus,lamp;internet
AAAA-AAAA-AAAA-0004;bus,lamp;internet
AAAA-AAAA-AAAA-0005;bus,lamp;internet
AAAA-AAAA-AAAA-0006;bus,lamp;internet
AAAA-AAAA-AAAA-0007;bus,lamp;internet
AAAA-AAAA-AAAA-0008;bus,lamp;internet
AAAA-AAAA-AAAA-0009;bus,lamp;internet
AAAA-AAAA-AAAA-0010;bench,bus;internet
AAAA-AAAA-AAAA-0011;bench,bus;internet
AAAA-AAAA-AAAA-0012;bench,bus;internet
AAAA-AAAA-AAAA-0013;bench,bus;internet
AAAA-AAAA-AAAA-0014;bench,bus;internet
AAAA-AAAA-AAAA-0015;lamp,ramp;internet
AAAA-AAAA-AAAA-0016;lamp,ramp;internet
AAAA-AAAA-AAAA-0017;lamp,ramp;internet
AAAA-AAAA-AAAA-0018;lamp,ramp;internet
AAAA-AAAA-AAAA-0019;bench,bus,ramp;internet
AAAA-AAAA-AAAA-0020;bench,bus,ramp;internet
AAAA-AAAA-AAAA-0021;bench,bus,ramp;internet
AAAA-AAAA-AAAA-0022;bench,bus,ramp;internet
AAAA-AAAA-AAAA-0023;bench,bus,few;internet
P-dong-1-00001;bench;paper
P-dong-1-00002;bench;paper
P-dong-1-00003;bench;paper
P-dong-1-00004;bench;paper
